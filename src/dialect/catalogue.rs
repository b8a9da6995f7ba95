//! The catalogue of all rooms and sessions, shared by the dialects that list them and kept up with
//! the log. Apart because it may block while it reads; it holds no answer of any dialect.

use std::sync::{Arc, RwLock};

use crate::domain::{Id, Rejection, Room, RoomName};
use crate::engine::{Engine, EngineError, Reader};
use crate::replay::{Catalogue, Moment, SessionEntry};

/// A [`Catalogue`] that is read on whenever it is asked; cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedCatalogue {
    engine: Engine,
    catalogue: Arc<RwLock<Catalogue>>,
}

impl SharedCatalogue {
    /// Of this engine's log.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            catalogue: Arc::default(),
        }
    }

    /// The same, whose reads wait in the queue of one caller.
    #[must_use]
    pub fn reading_as(&self, reader: Reader) -> Self {
        Self {
            engine: self.engine.reading_as(reader),
            catalogue: Arc::clone(&self.catalogue),
        }
    }

    /// Looks something up as of now, on the engine's threads for reads. The first one reads the
    /// whole log.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Catalogue) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let shared = Arc::clone(&self.catalogue);
        self.engine
            .read(move |store| Catalogue::look_up(&shared, store, look))
            .await
    }

    /// As [`SharedCatalogue::read`], for a command: it waits for no reader.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn answer<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Catalogue) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let shared = Arc::clone(&self.catalogue);
        self.engine
            .answer(move |store| Catalogue::look_up(&shared, store, look))
            .await
    }

    /// The room that has this name as its id, in VideoSDK's form, and another name of its own: no
    /// other room may take that name, or it would take the id over. `None` where there is a room of
    /// the name.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn room_by_id(&self, name: &RoomName) -> Result<Option<RoomName>, EngineError> {
        let is_room = |room: Arc<Room>| room.life.is_some();
        if self.engine.live(name).is_some_and(is_room) {
            return Ok(None);
        }
        self.other_room_by_id(name).await
    }

    /// The same without a look at what is in memory: for a caller that may not know whether there
    /// is a room of that name.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn other_room_by_id(&self, name: &RoomName) -> Result<Option<RoomName>, EngineError> {
        if Id::parse_meeting_code(name.as_str()).is_none() {
            return Ok(None);
        }
        let asked = name.clone();
        let found = self.answer(move |all| {
            let found = all.room(asked.as_str())?;
            let is_other = found.deleted_at.is_none() && found.name != asked;
            is_other.then(|| found.name.clone())
        });
        found.await
    }

    /// Why no room may be made of that name, if so: whoever may make it may not know the other.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn objection(&self, name: &RoomName) -> Result<Option<Rejection>, EngineError> {
        let other = self.room_by_id(name).await?;
        Ok(other.map(|_| Rejection::Invalid {
            what: "name".into(),
            problem: format!("{name} is the id of another room: take another name"),
        }))
    }

    /// The room as it keeps that session: as it is now while the session is open, else as it was
    /// when it ended, since the room may have been deleted, and made again, after that. `None`
    /// where the log has no such session.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn room_of(&self, entry: &SessionEntry) -> Result<Option<Arc<Room>>, EngineError> {
        let id = entry.id;
        let keeps = |room: &Arc<Room>| room.session.as_ref().is_some_and(|it| it.id == id);
        let is_open = |room: &Arc<Room>| room.open_session().is_some_and(|it| it.id == id);
        if let Some(room) = self.engine.live(&entry.room).filter(is_open) {
            return Ok(Some(room));
        }
        let mut ended = entry.ended;
        if ended.is_none() {
            // It may have ended since it was looked up, and the next begun.
            let again = self.read(move |all| all.session(&id.uuid().to_string())?.ended);
            ended = again.await?;
        }
        let moment = ended.map_or(Moment::Head, |(_, version)| Moment::Version(version));
        let room = self.engine.as_of(&entry.room, moment).await?;
        Ok(room.filter(keeps))
    }
}

//! A decision told as a story: given what was done before, when somebody asks, then this happens.
//!
//! Apart from the engine, since it needs none: commands are decided and folded on the spot. The
//! types allow only the sensible order, and a failed expectation points at the caller's line.

use crate::domain::{
    Code, Command, Context, Defaults, Digest, Event, Kind, NewEvent, Rejection, Request, Room,
    RoomName, Timestamp, decide, is_of_room, refusal, with_refusal,
};

/// What was done before.
#[derive(Clone, Debug)]
pub struct Scenario {
    room: Room,
    defaults: Defaults,
    now: Timestamp,
    decisions: u128,
}

/// What a command came to.
#[derive(Clone, Debug)]
pub struct Decided {
    scenario: Scenario,
    events: Vec<NewEvent>,
    rejection: Option<Rejection>,
}

impl Scenario {
    /// A room in which these commands were accepted, one second apart.
    ///
    /// # Panics
    /// When one of them is refused: the story could not begin like this.
    #[must_use]
    #[track_caller]
    pub fn given(commands: impl IntoIterator<Item = Command>) -> Self {
        Self::given_with(Defaults::default(), commands)
    }

    /// [`Scenario::given`] on a server with settings of its own.
    ///
    /// # Panics
    /// As [`Scenario::given`].
    #[must_use]
    #[track_caller]
    pub fn given_with(defaults: Defaults, commands: impl IntoIterator<Item = Command>) -> Self {
        let name = RoomName::new("room");
        let mut scenario = Self {
            room: Room::new(name.unwrap_or_else(|error| panic!("{error}"))),
            defaults,
            now: Timestamp::from_seconds(START_S),
            decisions: 0,
        };
        for command in commands {
            let name = command.name();
            let decided = scenario.when(command);
            if let Some(rejection) = decided.rejection {
                panic!("given {name}: refused: {rejection}");
            }
            scenario = decided.scenario.after_seconds(1);
        }
        scenario
    }

    /// Lets time pass. No timer fires by itself: `when(Command::Tick)` lets those that are due.
    #[must_use]
    pub fn after_seconds(mut self, seconds: u32) -> Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    /// The room as it is.
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// The time of the story.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Somebody asks.
    #[must_use]
    pub fn when(self, command: Command) -> Decided {
        let request = Request::new(self.room.name.clone(), command);
        self.when_asked(&request)
    }

    /// Somebody asks with an expected version, or in somebody's name. The room of the request is
    /// the story's.
    #[must_use]
    pub fn when_asked(mut self, request: &Request) -> Decided {
        self.decisions += 1;
        let context = Context {
            now: self.now,
            wall: self.now,
            defaults: &self.defaults,
            entropy: self.decisions << 64 | self.decisions,
        };
        let (decision, rejection) = match decide(&self.room, request, &context) {
            Ok(decision) => {
                let asked = (Digest::of(&[]), 0);
                let decision = with_refusal(decision, request, &context, asked);
                let refused = decision.refused.clone();
                (decision, refused)
            }
            Err(rejection) => {
                let asked = (Digest::of(&[]), 0);
                let decision = refusal(&self.room, request, &rejection, &context, asked);
                (decision, Some(rejection))
            }
        };
        // Other refusals stand in the system stream.
        if rejection.is_none() || is_of_room(&self.room, request) {
            self.room = decision.room;
        }
        Decided {
            scenario: self,
            events: decision.events,
            rejection,
        }
    }
}

impl Decided {
    /// It was accepted, with events of exactly these kinds; gives them for a closer look.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn then(&self, kinds: impl AsRef<[Kind]>) -> &[NewEvent] {
        if let Some(rejection) = &self.rejection {
            panic!("refused: {rejection}");
        }
        let found: Vec<Kind> = self.events.iter().map(|new| new.event.kind()).collect();
        assert_eq!(found, kinds.as_ref(), "{:#?}", self.events);
        &self.events
    }

    /// It was accepted, and this holds of its events.
    ///
    /// # Panics
    /// When it was not, or it does not.
    #[track_caller]
    pub fn then_all(&self, holds: impl Fn(&Event) -> bool) -> &Self {
        if let Some(rejection) = &self.rejection {
            panic!("refused: {rejection}");
        }
        for new in &self.events {
            assert!(holds(&new.event), "{:#?}", new.event);
        }
        self
    }

    /// It was refused, first of all for this; gives the whole refusal for a closer look.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn refused(&self, code: Code) -> &Rejection {
        let Some(rejection) = &self.rejection else {
            panic!("accepted: {:#?}", self.events);
        };
        assert_eq!(rejection.code(), code, "{rejection}");
        rejection
    }

    /// The room right after it.
    pub const fn room(&self) -> &Room {
        &self.scenario.room
    }

    /// The story goes on.
    #[must_use]
    pub fn and(self) -> Scenario {
        self.scenario
    }
}

/// A day in 2027: late enough for every token of the tests, early enough for every timer.
const START_S: i64 = 1_800_000_000;

//! `message!` and `enumeration!`: a protobuf message declared once, in the words of its .proto,
//! becomes a prost struct and its JSON. Apart from the declarations, which read as data; it never
//! needs a generator or protoc.

/// Declares a message: `kind name = number;` for each field, in the order of LiveKit's .proto,
/// which is the order of its JSON. The field docs are made from that.
macro_rules! message {
    (@done [$($meta:tt)*] $name:ident
     [$(($field:ident, $tag:tt, [$($prost:tt)*], $type:ty, $slot:ty))*]) => {
        $($meta)*
        #[derive(Clone, PartialEq, prost::Message)]
        pub struct $name {
            $(
                #[doc = concat!("`", stringify!($field), "`, field ", stringify!($tag), ".")]
                #[prost($($prost)*, tag = $tag)]
                pub $field: $type,
            )*
        }

        impl $crate::dialect::livekit::json::message::JsonMessage for $name {
            const FIELDS: &'static [$crate::dialect::livekit::json::schema::Field] = &[$(
                $crate::dialect::livekit::json::schema::Field {
                    name: $crate::dialect::livekit::declare::wire_name(stringify!($field)),
                    number: $tag,
                    kind: <$slot as $crate::dialect::livekit::json::codec::Slot>::KIND,
                },
            )*];

            fn read_field<'de, D: serde::Deserializer<'de>>(
                &mut self,
                number: u32,
                input: D,
                notes: &mut $crate::dialect::livekit::json::schema::Notes,
            ) -> Result<(), D::Error> {
                match number {
                    $($tag => <$slot as $crate::dialect::livekit::json::codec::Slot>::read(
                        &mut self.$field, input, notes,
                    ),)*
                    _ => {
                        let _ = (input, notes);
                        Err(serde::de::Error::custom(format!("no field {number}")))
                    }
                }
            }

            fn write_fields(&self, _out: &mut String) {
                $(
                    $crate::dialect::livekit::json::codec::write_member::<$slot>(
                        $crate::dialect::livekit::declare::wire_name(stringify!($field)),
                        &self.$field,
                        _out,
                    );
                )*
            }
        }
    };
    (@more $meta:tt $name:ident [$($done:tt)*]) => {
        message! { @done $meta $name [$($done)*] }
    };
    (@more $m:tt $n:ident [$($done:tt)*] string $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [string], String, Single<Text>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] bytes $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [bytes = "vec"], Vec<u8>, Single<Bytes>)]
            $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] bool $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [bool], bool, Single<Bool>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] uint32 $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [uint32], u32, Single<Uint32>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] int32 $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [int32], i32, Single<Int32>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] int64 $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [int64], i64, Single<Int64>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] enum $e:ident $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)* ($f, $t, [enumeration($e)], i32, Single<Enum<$e>>)]
            $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] message $x:ident $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [message, optional], Option<$x>, Nullable<Message<$x>>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] optional string $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [string, optional], Option<String>, Optional<Text>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] repeated string $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [string, repeated], Vec<String>, Repeated<Text>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] repeated enum $e:ident $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [enumeration($e), repeated], Vec<i32>, Repeated<Enum<$e>>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] repeated message $x:ident $f:ident = $t:tt;
     $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [message, repeated], Vec<$x>, Repeated<Message<$x>>)] $($rest)* }
    };
    (@more $m:tt $n:ident [$($done:tt)*] map $f:ident = $t:tt; $($rest:tt)*) => {
        message! { @more $m $n [$($done)*
            ($f, $t, [btree_map = "string, string"],
             std::collections::BTreeMap<String, String>, TextMap)] $($rest)* }
    };
    ($(#[$meta:meta])* $name:ident { $($fields:tt)* }) => {
        message! { @more [$(#[$meta])*] $name [] $($fields)* }
    };
}

/// Declares an enum: `Variant = number "NAME_ON_THE_WIRE"`.
macro_rules! enumeration {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $number:literal $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
        #[repr(i32)]
        pub enum $name {
            $(
                #[doc = concat!("`", $wire, "`")]
                $variant = $number,
            )*
        }

        impl $crate::dialect::livekit::json::codec::EnumNames for $name {
            const NAMES: &'static [(&'static str, i32)] = &[$(($wire, $number)),*];
        }
    };
}

/// The field name without Rust's mark for keywords.
pub(in crate::dialect::livekit) const fn wire_name(ident: &'static str) -> &'static str {
    match ident.as_bytes() {
        [b'r', b'#', ..] => ident.split_at(2).1,
        _ => ident,
    }
}

pub(in crate::dialect::livekit) use {enumeration, message};

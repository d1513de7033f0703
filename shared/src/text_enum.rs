//! The macro for states and kinds: fixed texts on the wire and in the database.

use schemars::Schema;
use serde_json::Value;

/// Turns `oneOf` constants, which is how schemars writes an enum whose variants have docs, into a plain `enum`: clients
/// are generated from it.
#[doc(hidden)]
pub fn plain(schema: &mut Schema) {
    let Some(variants) = schema.remove("oneOf") else { return };
    let texts: Vec<Value> =
        variants.as_array().into_iter().flatten().map(|variant| variant["const"].clone()).collect();
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), texts.into());
}

/// Defines a state or kind that is a fixed text on the wire and in a `text` column with a `check`.
///
/// ```ignore
/// text_enum! {
///     /// Where a scene is in its life.
///     pub enum SceneStatus { Active = "ACTIVE", Archived = "ARCHIVED" }
/// }
/// ```
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* $visibility:vis enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord,
            $crate::serde::Serialize, $crate::serde::Deserialize, $crate::schemars::JsonSchema,
        )]
        #[serde(crate = "shared::serde")]
        #[schemars(crate = "shared::schemars", transform = $crate::text_enum::plain)]
        $visibility enum $name {
            $(
                #[doc = $text]
                $(#[$variant_doc])*
                #[serde(rename = $text)]
                $variant,
            )+
        }

        impl $name {
            /// The text on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The value of a text, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl $crate::deserr::Deserr<$crate::input::Problems> for $name {
            fn deserialize_from_value<V: $crate::deserr::IntoValue>(
                value: $crate::deserr::Value<V>,
                location: $crate::deserr::ValuePointerRef<'_>,
            ) -> ::std::result::Result<Self, $crate::input::Problems> {
                let known = match &value {
                    $crate::deserr::Value::String(text) => Self::parse(text),
                    _ => None,
                };
                known.ok_or_else(|| $crate::input::problem(location, "enum", $crate::input::one_of(&[$($text),+])))
            }
        }

        impl $crate::database::SqlType for $name {
            fn sql_type() -> $crate::tokio_postgres::types::Type {
                $crate::tokio_postgres::types::Type::TEXT
            }
        }

        impl $crate::tokio_postgres::types::ToSql for $name {
            fn to_sql(
                &self,
                ty: &$crate::tokio_postgres::types::Type,
                out: &mut $crate::bytes::BytesMut,
            ) -> ::std::result::Result<$crate::tokio_postgres::types::IsNull, Box<dyn ::std::error::Error + Sync + Send>> {
                self.as_str().to_sql(ty, out)
            }
            fn accepts(ty: &$crate::tokio_postgres::types::Type) -> bool {
                <&str as $crate::tokio_postgres::types::ToSql>::accepts(ty)
            }
            $crate::tokio_postgres::types::to_sql_checked!();
        }

        impl<'a> $crate::tokio_postgres::types::FromSql<'a> for $name {
            fn from_sql(
                ty: &$crate::tokio_postgres::types::Type,
                raw: &'a [u8],
            ) -> ::std::result::Result<Self, Box<dyn ::std::error::Error + Sync + Send>> {
                let text = <&str as $crate::tokio_postgres::types::FromSql<'_>>::from_sql(ty, raw)?;
                Self::parse(text).ok_or_else(|| format!("{text} is no {}", stringify!($name)).into())
            }
            fn accepts(ty: &$crate::tokio_postgres::types::Type) -> bool {
                <&str as $crate::tokio_postgres::types::FromSql<'_>>::accepts(ty)
            }
        }
    };
}

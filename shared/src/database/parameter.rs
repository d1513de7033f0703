//! Parameters of statements with their PostgreSQL types: typed statements need no preparation and no extra round trip.

use std::net::IpAddr;

use jiff::civil::Date;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::value::{Day, Flag, Int, Text, Time};

/// A Rust type and the PostgreSQL type that it is sent as.
pub trait SqlType: ToSql + Sync {
    /// The PostgreSQL type.
    fn sql_type() -> Type;
}

/// A parameter of a statement; every [`SqlType`] is one.
pub trait Parameter: Sync {
    /// The value.
    fn value(&self) -> &(dyn ToSql + Sync);
    /// Its PostgreSQL type.
    fn sql_type(&self) -> Type;
}

impl<T: SqlType> Parameter for T {
    fn value(&self) -> &(dyn ToSql + Sync) {
        self
    }
    fn sql_type(&self) -> Type {
        T::sql_type()
    }
}

macro_rules! sql_types {
    ($($rust:ty => $sql:ident),+ $(,)?) => {
        $(impl SqlType for $rust {
            fn sql_type() -> Type {
                Type::$sql
            }
        })+
    };
}

sql_types! {
    Uuid => UUID,
    String => TEXT,
    &str => TEXT,
    bool => BOOL,
    i16 => INT2,
    i32 => INT4,
    i64 => INT8,
    f64 => FLOAT8,
    jiff::Timestamp => TIMESTAMPTZ,
    Time => TIMESTAMPTZ,
    Date => DATE,
    Day => DATE,
    serde_json::Value => JSONB,
    Vec<u8> => BYTEA,
    &[u8] => BYTEA,
    IpAddr => INET,
    Vec<String> => TEXT_ARRAY,
    &[&str] => TEXT_ARRAY,
    Vec<Uuid> => UUID_ARRAY,
    Vec<i64> => INT8_ARRAY,
    Vec<i32> => INT4_ARRAY,
    Vec<f64> => FLOAT8_ARRAY,
}

impl<T: SqlType> SqlType for Option<T> {
    fn sql_type() -> Type {
        T::sql_type()
    }
}

impl<T: serde::Serialize + std::fmt::Debug + Sync> SqlType for tokio_postgres::types::Json<T> {
    fn sql_type() -> Type {
        Type::JSONB
    }
}

macro_rules! wrapper {
    ([$($generics:tt)*] $rust:ty, $inner:ty, $sql:ident, $get:ident) => {
        impl<$($generics)*> SqlType for $rust {
            fn sql_type() -> Type {
                Type::$sql
            }
        }

        impl<$($generics)*> ToSql for $rust {
            fn to_sql(
                &self,
                ty: &Type,
                out: &mut bytes::BytesMut,
            ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                self.$get().to_sql(ty, out)
            }
            fn accepts(ty: &Type) -> bool {
                <$inner as ToSql>::accepts(ty)
            }
            tokio_postgres::types::to_sql_checked!();
        }
    };
}

wrapper!([const MIN: usize, const MAX: usize] Text<MIN, MAX>, &str, TEXT, as_str);
wrapper!([const MIN: i64, const MAX: i64, const DEFAULT: i64] Int<MIN, MAX, DEFAULT>, i64, INT8, get);
wrapper!([] Flag, bool, BOOL, get);

//! How the values are sent to PostgreSQL and read from it.

use std::error::Error as StdError;

use bytes::BytesMut;
use jiff::civil::Date;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use super::{Day, Time};

macro_rules! sql_as {
    ($type:ty, $inner:ty) => {
        impl<'a> FromSql<'a> for $type {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
                <$inner>::from_sql(ty, raw).map(Self)
            }
            fn accepts(ty: &Type) -> bool {
                <$inner as FromSql<'_>>::accepts(ty)
            }
        }

        impl ToSql for $type {
            fn to_sql(
                &self,
                ty: &Type,
                out: &mut BytesMut,
            ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
                self.0.to_sql(ty, out)
            }
            fn accepts(ty: &Type) -> bool {
                <$inner as ToSql>::accepts(ty)
            }
            tokio_postgres::types::to_sql_checked!();
        }
    };
}

sql_as!(Day, Date);
sql_as!(Time, jiff::Timestamp);

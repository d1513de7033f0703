//! Any async function whose parameters implement [`FromRequest`] and whose result is a [`Reply`] is a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Result;
use crate::reply::{Replied, Reply};
use crate::request::{FromRequest, Request};
use crate::serve::Runner;
use crate::settings::SettingError;

/// What a handler's call gives.
pub type RepliedFuture<'a> = Pin<Box<dyn Future<Output = Result<Replied>> + Send + 'a>>;

/// A handler with its parameter types forgotten, so that serving is compiled once and not once per route.
pub trait Handler: Send + Sync {
    /// Reads the parameters in order, then runs the function.
    fn call<'a>(&'a self, request: &'a mut Request) -> RepliedFuture<'a>;
    /// Cold start of every parameter.
    fn start(&self) -> Result<(), SettingError>;
    /// Whether a JSON body is expected.
    fn takes_json(&self) -> bool;
    /// Whether there is a caller to verify.
    fn has_caller(&self) -> bool;
    /// What runs the route.
    fn runner(&self) -> Runner;
    /// What the signature says to the wire. Only in debug builds: a release binary carries no schema code.
    #[cfg(debug_assertions)]
    fn describe(&self, operation: &mut crate::describe::Operation);
}

/// Turns a function into a [`Handler`]; `Parameters` is the tuple of its parameter types.
pub trait IntoHandler<Parameters> {
    /// Boxes the function.
    fn into_handler(self) -> Arc<dyn Handler>;
}

struct Function<F, Parameters> {
    function: F,
    parameters: std::marker::PhantomData<fn() -> Parameters>,
}

macro_rules! handler {
    ($($parameter:ident $value:ident),*) => {
        impl<F, Fut, R, $($parameter),*> Handler for Function<F, ($($parameter,)*)>
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync,
            Fut: Future<Output = Result<R>> + Send,
            R: Reply,
            $($parameter: FromRequest,)*
        {
            fn call<'a>(&'a self, request: &'a mut Request) -> RepliedFuture<'a> {
                Box::pin(async move {
                    $(let $value = $parameter::from_request(request).await?;)*
                    let _ = &request;
                    (self.function)($($value),*).await?.replied()
                })
            }

            fn start(&self) -> Result<(), SettingError> {
                $($parameter::start()?;)*
                Ok(())
            }

            fn takes_json(&self) -> bool {
                false $(|| $parameter::TAKES_JSON)*
            }

            fn has_caller(&self) -> bool {
                false $(|| $parameter::HAS_CALLER)*
            }

            fn runner(&self) -> Runner {
                R::runner()
            }

            #[cfg(debug_assertions)]
            fn describe(&self, operation: &mut crate::describe::Operation) {
                $($parameter::describe(operation);)*
                R::describe(operation);
            }
        }

        impl<F, Fut, R, $($parameter),*> IntoHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R>> + Send + 'static,
            R: Reply + 'static,
            $($parameter: FromRequest + 'static,)*
        {
            fn into_handler(self) -> Arc<dyn Handler> {
                Arc::new(Function::<F, ($($parameter,)*)> { function: self, parameters: std::marker::PhantomData })
            }
        }
    };
}

handler!();
handler!(A a);
handler!(A a, B b);
handler!(A a, B b, C c);
handler!(A a, B b, C c, D d);
handler!(A a, B b, C c, D d, E e);
handler!(A a, B b, C c, D d, E e, G g);
handler!(A a, B b, C c, D d, E e, G g, H h);
handler!(A a, B b, C c, D d, E e, G g, H h, I i);

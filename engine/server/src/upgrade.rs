//! Connections that leave HTTP behind for a session over a WebSocket.

use std::{
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, on},
};
use hyper_util::rt::TokioIo;
use tidegate::wire::{Pending, ReplyBody, Trust, Upgrade};

use crate::{
    phase::{Lifecycle, Phase},
    service::Service,
};

/// Where a connection's session waits until the last byte of HTTP is written. The session then runs
/// in the connection's own task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Upgrading>>>);

#[derive(Debug)]
pub(crate) struct Upgrading {
    connection: OnUpgrade,
    session: Pending,
}

impl Slot {
    /// Answers a handshake, and keeps the session that came of it.
    pub(crate) async fn fill(
        &self,
        service: &Service,
        mut request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> Response<ReplyBody> {
        let connection = on(&mut request);
        let request = request.map(|_| ());
        let trust = Trust::Network { peer };
        let Upgrade { response, session } = service.gateway.upgrade(request, trust).await;
        if let Some(session) = session {
            let upgrading = Upgrading {
                connection,
                session,
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrading);
        }
        response
    }

    pub(crate) fn take(&self) -> Option<Upgrading> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take()
    }
}

impl Upgrading {
    /// Serves the session until it ends, or the server does.
    pub(crate) async fn serve(self, lifecycle: &Lifecycle) {
        let over = lifecycle.reached(Phase::Over);
        match self.connection.await {
            Ok(io) => self.session.serve(TokioIo::new(io), pin!(over)).await,
            // The caller went away before the answer reached it.
            Err(error) => tracing::debug!(%error, "no session came of an upgrade"),
        }
    }
}

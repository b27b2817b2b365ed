//! The table of routes. Everything that lists them (the dispatcher, `Allow`, the OpenAPI document) reads this one.

use std::borrow::Cow;

use hyper::{Method, header::HeaderValue};
use openclaw_core::Failure;

/// What a request can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Health,
    Status,
    PostMessage,
    MessageStatus,
    MessageStream,
    MessageContext,
    ApproveMessage,
    CancelMessage,
    ListConversations,
    GetConversation,
    DeleteConversation,
    MemoryStats,
    SearchMemory,
    PruneMemory,
    ListEntries,
    Remember,
    GetEntry,
    ForgetEntry,
    CompleteEntry,
    Compact,
    CompactionHistory,
    CollectGarbage,
    VerifyMemory,
    ImportMemory,
    ExportMemory,
    ListSkills,
    InstallSkill,
    RemoveSkill,
    ListChannels,
    ChannelStatus,
    PairChannel,
    ListPaired,
    UnpairUser,
    ChannelWebhook,
    GetConfig,
    PutConfig,
    Logs,
    WebSocket,
}

impl Operation {
    /// Whether the request may carry a body, of those that the memory answers.
    pub(crate) fn takes_body(self) -> bool {
        matches!(
            self,
            Self::SearchMemory | Self::PruneMemory | Self::Remember | Self::Compact | Self::ImportMemory
        )
    }
}

/// What everything but the WebSocket's short name begins with.
pub(crate) const BASE: &str = "/api/v1";

/// A path with what its methods do. GET serves HEAD as well, but for the WebSocket.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [(Method, Operation)],
}

/// All paths.
pub(crate) const ROUTES: &[Route] = &[
    Route { path: "/api/v1/health", methods: &[(Method::GET, Operation::Health)] },
    Route { path: "/api/v1/status", methods: &[(Method::GET, Operation::Status)] },
    Route { path: "/api/v1/message", methods: &[(Method::POST, Operation::PostMessage)] },
    Route { path: "/api/v1/message/{id}", methods: &[(Method::DELETE, Operation::CancelMessage)] },
    Route { path: "/api/v1/message/{id}/status", methods: &[(Method::GET, Operation::MessageStatus)] },
    Route { path: "/api/v1/message/{id}/stream", methods: &[(Method::GET, Operation::MessageStream)] },
    Route { path: "/api/v1/message/{id}/approve", methods: &[(Method::POST, Operation::ApproveMessage)] },
    Route { path: "/api/v1/message/{id}/context", methods: &[(Method::GET, Operation::MessageContext)] },
    Route { path: "/api/v1/conversations", methods: &[(Method::GET, Operation::ListConversations)] },
    Route {
        path: "/api/v1/conversations/{id}",
        methods: &[
            (Method::GET, Operation::GetConversation),
            (Method::DELETE, Operation::DeleteConversation),
        ],
    },
    Route { path: "/api/v1/memory/stats", methods: &[(Method::GET, Operation::MemoryStats)] },
    Route { path: "/api/v1/memory/search", methods: &[(Method::POST, Operation::SearchMemory)] },
    Route { path: "/api/v1/memory/prune", methods: &[(Method::DELETE, Operation::PruneMemory)] },
    Route {
        path: "/api/v1/memory/entries",
        methods: &[(Method::GET, Operation::ListEntries), (Method::POST, Operation::Remember)],
    },
    Route {
        path: "/api/v1/memory/entries/{id}",
        methods: &[(Method::GET, Operation::GetEntry), (Method::DELETE, Operation::ForgetEntry)],
    },
    Route {
        path: "/api/v1/memory/entries/{id}/complete",
        methods: &[(Method::POST, Operation::CompleteEntry)],
    },
    Route { path: "/api/v1/memory/compact", methods: &[(Method::POST, Operation::Compact)] },
    Route { path: "/api/v1/memory/history", methods: &[(Method::GET, Operation::CompactionHistory)] },
    Route { path: "/api/v1/memory/gc", methods: &[(Method::POST, Operation::CollectGarbage)] },
    Route { path: "/api/v1/memory/verify", methods: &[(Method::POST, Operation::VerifyMemory)] },
    Route { path: "/api/v1/memory/import", methods: &[(Method::POST, Operation::ImportMemory)] },
    Route { path: "/api/v1/memory/export", methods: &[(Method::GET, Operation::ExportMemory)] },
    Route { path: "/api/v1/skills", methods: &[(Method::GET, Operation::ListSkills)] },
    Route { path: "/api/v1/skills/install", methods: &[(Method::POST, Operation::InstallSkill)] },
    Route { path: "/api/v1/skills/{name}", methods: &[(Method::DELETE, Operation::RemoveSkill)] },
    Route { path: "/api/v1/channels", methods: &[(Method::GET, Operation::ListChannels)] },
    Route { path: "/api/v1/channels/{type}/status", methods: &[(Method::GET, Operation::ChannelStatus)] },
    Route { path: "/api/v1/channels/{type}/pair", methods: &[(Method::POST, Operation::PairChannel)] },
    Route {
        path: "/api/v1/channels/{type}/paired",
        methods: &[(Method::GET, Operation::ListPaired), (Method::DELETE, Operation::UnpairUser)],
    },
    Route { path: "/api/v1/channels/{type}/webhook", methods: &[(Method::POST, Operation::ChannelWebhook)] },
    Route {
        path: "/api/v1/config",
        methods: &[(Method::GET, Operation::GetConfig), (Method::PUT, Operation::PutConfig)],
    },
    Route { path: "/api/v1/logs", methods: &[(Method::GET, Operation::Logs)] },
    Route { path: "/api/v1/ws", methods: &[(Method::GET, Operation::WebSocket)] },
    Route { path: "/ws", methods: &[(Method::GET, Operation::WebSocket)] },
];

/// Finds routes by path.
pub(crate) struct Router(matchit::Router<&'static Route>);

/// A route that was found, with the variable part of the path still encoded.
pub(crate) struct Found<'p> {
    pub(crate) route: &'static Route,
    parameter: Option<&'p str>,
}

impl Router {
    pub(crate) fn new() -> Self {
        let mut router = matchit::Router::new();
        for route in ROUTES {
            let inserted = router.insert(route.path, route);
            debug_assert!(inserted.is_ok(), "{} clashes with another route", route.path);
        }
        Self(router)
    }

    /// The route of `path`; one slash at its end makes no difference.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<Found<'p>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let found = self.0.at(path).ok()?;
        let parameter = found.params.iter().next().map(|(_, value)| value);
        Some(Found { route: found.value, parameter })
    }
}

impl Found<'_> {
    /// The variable part of the path, decoded.
    pub(crate) fn parameter(&self) -> Result<Cow<'_, str>, Failure> {
        crate::text::decode(self.parameter.unwrap_or_default(), false)
            .ok_or_else(|| Failure::bad_field("path", "has a broken escape, or is not UTF-8"))
    }
}

impl Route {
    /// What `method` asks for here.
    pub(crate) fn operation(&self, method: &Method) -> Option<Operation> {
        let as_get = method == Method::HEAD && self.takes_head();
        let wanted = if as_get { &Method::GET } else { method };
        self.methods.iter().find(|(method, _)| method == wanted).map(|(_, operation)| *operation)
    }

    /// Whether HEAD is what GET would answer without its body. An upgrade is no such answer.
    fn takes_head(&self) -> bool {
        self.methods.iter().all(|(_, operation)| *operation != Operation::WebSocket)
    }

    /// The methods of this path, as `Allow` lists them.
    pub(crate) fn allow(&self) -> HeaderValue {
        let mut names = Vec::with_capacity(4);
        for (method, _) in self.methods {
            names.push(method.as_str());
            if method == Method::GET && self.takes_head() {
                names.push("HEAD");
            }
        }
        names.push("OPTIONS");
        HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_under_its_path() {
        let router = Router::new();
        for route in ROUTES {
            let path = route.path.replace("{id}", "a").replace("{name}", "a").replace("{type}", "a");
            assert_eq!(router.find(&path).unwrap().route.path, route.path);
            assert_eq!(router.find(&format!("{path}/")).unwrap().route.path, route.path);
        }
    }

    #[test]
    fn other_paths_are_not() {
        let router = Router::new();
        for path in [
            "",
            "/",
            "/health",
            "/api/v1",
            "/api/v1/",
            "/api/v1/healthz",
            "/api/v1//health",
            "/api/v1/message/a/b",
            "/api/v1/health//",
        ] {
            assert!(router.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn parameters_are_decoded_after_matching() {
        let router = Router::new();
        let found = router.find("/api/v1/conversations/a%2Fb").unwrap();
        assert_eq!(found.parameter().unwrap(), "a/b");
        assert!(router.find("/api/v1/conversations/%ff").unwrap().parameter().is_err());
    }

    #[test]
    fn allow_lists_head_and_options() {
        let found = Router::new().find("/api/v1/config").unwrap().route;
        assert_eq!(found.allow(), "GET, HEAD, PUT, OPTIONS");
        assert_eq!(found.operation(&Method::HEAD), Some(Operation::GetConfig));
        assert_eq!(found.operation(&Method::POST), None);
        let socket = Router::new().find("/ws").unwrap().route;
        assert_eq!(socket.allow(), "GET, OPTIONS");
        assert_eq!(
            (socket.operation(&Method::HEAD), socket.operation(&Method::GET)),
            (None, Some(Operation::WebSocket))
        );
    }
}

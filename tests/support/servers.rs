//! HTTP servers of the tests' own, which take Tencent's place or hold a key set.

use axum::Router;
use bytes::Bytes;

/// Starts an upstream that answers every request with one reply; returns its URL.
pub async fn always(reply: String) -> String {
    let reply = Bytes::from(reply);
    serve(Router::new().fallback(async move || reply.clone())).await
}

/// Serves on any free port; returns the URL.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

//! Tests of the guarded client: what it refuses to ask, and what it refuses to read.

use std::{collections::VecDeque, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::*;

/// A server that answers every connection with these bytes.
struct Server {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                // What is no GET is the beginning of TLS, which this server does not speak.
                while !head.ends_with(b"\r\n\r\n") && head.first().is_none_or(|first| *first == b'G') {
                    head.push(stream.read_u8().await.unwrap());
                }
                let _cut = stream.write_all(&answer).await;
            }
        });
        Self { address, _tasks: tasks }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/keys?x=1", self.address.port())
    }
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}

fn client(allow: &[&str], script: &[&[&str]]) -> Client {
    let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
    let mut client = Client::new(&Config { allow, ca: None }).unwrap();
    let answer = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
    client.resolver = Resolver::Scripted(tokio::sync::Mutex::new(script.iter().map(answer).collect::<VecDeque<_>>()));
    client
}

#[tokio::test]
async fn name_that_resolves_to_a_special_address_is_not_asked() {
    for address in
        ["169.254.169.254", "::1", "127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "fd00::1"]
    {
        let client = client(&[], &[&[address]]);
        let refused = client.get("https://keys.example/jwks.json").await;
        assert!(matches!(refused, Err(Error::AddressNotAllowed { .. })), "{address}: {refused:?}");
    }
    let mixed = client(&[], &[&["1.1.1.1", "10.0.0.1"]]).get("https://keys.example").await;
    assert!(matches!(mixed, Err(Error::AddressNotAllowed { .. })), "one bad address spoils them all");
    let none = client(&[], &[&[]]).get("https://keys.example").await;
    assert!(matches!(none, Err(Error::NoAddress)));
}

#[tokio::test]
async fn address_in_the_url_is_judged_as_well_in_any_spelling() {
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "0.0.0.0", "[::]"]
    {
        let refused = client(&[], &[]).get(&format!("https://{host}/")).await;
        assert!(matches!(refused, Err(Error::AddressNotAllowed { .. })), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn url_without_tls_or_with_credentials_or_of_another_kind_is_refused() {
    let get = async |url: &str| client(&["keys.example"], &[]).get(url).await.unwrap_err();
    assert!(matches!(get("http://other.example/").await, Error::NotHttps));
    for bad in
        ["https://user@keys.example/", "https://:pw@keys.example/", "file:///etc/passwd", "ftp://keys.example", "x", ""]
    {
        assert!(matches!(get(bad).await, Error::BadUrl), "{bad}");
    }
}

#[tokio::test]
async fn checked_address_is_the_one_that_is_asked_and_a_name_is_looked_up_once() {
    let server = Server::start(ok(b"{}")).await;
    // The second answer is what an attacker's name server would say to whoever asks again.
    let client = client(&["127.0.0.1"], &[&["127.0.0.1"], &["169.254.169.254"]]);
    let https = format!("https://keys.example:{}/", server.address.port());
    let spoken = client.get(&https).await;
    assert!(matches!(spoken, Err(Error::Io(_))), "the server speaks no TLS, but was asked: {spoken:?}");
    let refused = client.get(&https).await;
    assert!(matches!(refused, Err(Error::AddressNotAllowed { .. })), "{refused:?}");
}

#[tokio::test]
async fn listed_host_may_be_asked_without_tls_at_any_address() {
    let server = Server::start(ok(b"{\"keys\":[]}")).await;
    let named = client(&["keys.example"], &[&["127.0.0.1"]]);
    assert_eq!(named.get(&server.url("keys.example")).await.unwrap(), "{\"keys\":[]}");
    let literal = client(&["127.0.0.0/8"], &[]);
    assert_eq!(literal.get(&server.url("127.0.0.1")).await.unwrap(), "{\"keys\":[]}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_other_answers_than_200_are_none() {
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let server = Server::start(redirect).await;
    let client = client(&["127.0.0.1"], &[]);
    let answer = client.get(&server.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::Redirect { status: 302 })), "{answer:?}");
    let missing = Server::start(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let answer = client.get(&missing.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::Status { status: 404 })), "{answer:?}");
}

#[tokio::test]
async fn body_is_read_up_to_the_limit_and_not_beyond() {
    let client = client(&["127.0.0.1"], &[]);
    let full = Server::start(ok(&vec![b' '; MAX_BYTES])).await;
    assert_eq!(client.get(&full.url("127.0.0.1")).await.unwrap().len(), MAX_BYTES);
    let over = Server::start(ok(&vec![b' '; MAX_BYTES + 1])).await;
    let answer = client.get(&over.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::TooLarge)), "{answer:?}");
    // Without a length, up to the end of the connection.
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.extend(vec![b' '; MAX_BYTES + 1]);
    let endless = Server::start(endless).await;
    let answer = client.get(&endless.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::TooLarge)), "{answer:?}");
}

#[tokio::test]
async fn answer_that_breaks_off_is_none() {
    let client = client(&["127.0.0.1"], &[]);
    let cut = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".to_vec()).await;
    let answer = client.get(&cut.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::Body(_))), "{answer:?}");
    let silent = Server::start(Vec::new()).await;
    let answer = client.get(&silent.url("127.0.0.1")).await;
    assert!(matches!(answer, Err(Error::Http(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_answer_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = client(&["127.0.0.1"], &[]);
    let begun = tokio::time::Instant::now();
    let drip = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = stream.read(&mut [0; 1_024]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stream.write_all(b" ").await.unwrap();
        }
    };
    let answer = tokio::select! { answer = client.get(&url) => answer, () = drip => unreachable!() };
    assert!(matches!(answer, Err(Error::Timeout)), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), TIMEOUT.as_secs());
}

#[test]
fn certificates_that_are_none_are_refused() {
    for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let config = Config { allow: Vec::new(), ca: Some(pem.to_owned()) };
        assert!(matches!(Client::new(&config), Err(Error::BadCa(_))), "{pem}");
    }
}

//! UserSig, against the reference's vectors and the vendor's own package.

use std::process::Command as Process;
use std::time::Duration;

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use tencent_im_grpc::upstream::usersig::{Signer, UsersigError, parse, sign, verify};

use super::*;

struct Vector {
    app: u64,
    identifier: &'static str,
    time: u64,
    expire: u64,
    key: &'static str,
    signature: &'static str,
}

const VECTORS: [Vector; 2] = [
    Vector {
        app: 1_400_000_001,
        identifier: "administrator",
        time: 1_700_000_000,
        expire: 604_800,
        key: KEY,
        signature: "o18EmWi1Ll9tufI7WsJbFq/Ue2PUF+97dmeiktrxwvc=",
    },
    Vector {
        app: 20_000_001,
        identifier: "im-admin_01",
        time: 1_735_689_600,
        expire: 86_400,
        key: "test-key",
        signature: "BIzP6h8CNdvaTcBEXi/FhQ3cJx7JPeRNL9nITkIjSvY=",
    },
];
/// The first vector as another implementation packed it.
const PACKED: &str = "eJwtjl0LgjAUhv-LuS1sE2kqdJlQeBGUeL3aUQ42XdsyIfrvie69fL94vnArrxFOhixCvmdJyth28Uhh76khtJCDVJp6ct5KP1hYC0510hhSkPOEreIhoXbeDDw96pp4*cz8uzmJ2p3vxWtXYXypik0mlEbqvJ0*4*MQLj3pmYKLcBdIxgUhjhj8-q5iNKk_";

fn sign_vector(vector: &Vector) -> String {
    let key = SecretString::from(vector.key);
    sign(vector.app, vector.identifier, &key, vector.time, vector.expire).unwrap().expose_secret().to_owned()
}

#[test]
fn the_vectors_of_the_reference_hold() {
    for vector in &VECTORS {
        let claims = parse(&sign_vector(vector)).unwrap();
        assert_eq!(claims.signature, vector.signature);
        assert_eq!(claims.version, "2.0");
        assert_eq!(claims.user_buf, None);
        assert_eq!((claims.identifier.as_str(), claims.sdk_app_id), (vector.identifier, vector.app));
        assert_eq!((claims.time, claims.expire), (vector.time, vector.expire));
    }
    let packed = verify(PACKED, &SecretString::from(KEY)).unwrap();
    assert_eq!(packed, parse(&sign_vector(&VECTORS[0])).unwrap());
}

#[test]
fn what_is_not_ours_is_refused() {
    let key = SecretString::from(KEY);
    assert_eq!(verify(PACKED, &SecretString::from("another")), Err(UsersigError::Signature));
    assert_eq!(parse(&PACKED.replace('*', "+")), Err(UsersigError::Base64));
    assert_eq!(parse("").unwrap_err(), UsersigError::Inflate);
    assert_eq!(verify(&PACKED[..PACKED.len() - 8], &key).unwrap_err(), UsersigError::Inflate);
    assert_eq!(sign(1, "a\nb", &key, 1, 1).unwrap_err(), UsersigError::Identifier);
}

#[test]
fn a_small_text_cannot_inflate_without_bound() {
    use base64::Engine as _;
    use std::io::Write as _;
    let mut bomb = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        bomb.write_all(&[b' '; 64 * 1024]).unwrap();
    }
    let text = base64::engine::general_purpose::STANDARD.encode(bomb.finish().unwrap());
    let text = text.replace('+', "*").replace('/', "-").replace('=', "_");
    assert_eq!(parse(&text), Err(UsersigError::Inflate));
}

#[tokio::test(start_paused = true)]
async fn a_usersig_is_renewed_before_it_expires_and_once() {
    let ttl = Duration::from_secs(1000);
    let signer = Signer::new(&Settings { usersig_ttl: ttl, ..settings([]) }).unwrap();
    let first = signer.current();
    tokio::time::advance(ttl.mul_f64(0.7)).await;
    assert!(std::sync::Arc::ptr_eq(&first, &signer.current()), "too early");
    tokio::time::advance(ttl.mul_f64(0.16)).await;
    let second = signer.current();
    assert!(!std::sync::Arc::ptr_eq(&first, &second), "too late");
    assert!(second.age() < first.age());
    // Many calls that were refused with the first one agree on the second.
    assert!(std::sync::Arc::ptr_eq(&second, &signer.replace(&first)));
}

/// Runs the vendor's package where `INTEROP_PYTHON` names a Python that has `tls-sig-api-v2`.
#[test]
fn the_vendors_package_agrees() {
    let Ok(python) = std::env::var("INTEROP_PYTHON") else {
        return;
    };
    let ours = VECTORS.iter().map(sign_vector);
    let mut process = Process::new(python);
    process.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/usersig_vectors.py"));
    for (vector, ours) in VECTORS.iter().zip(ours) {
        process.args([&vector.app.to_string(), vector.key, vector.identifier, &vector.expire.to_string(), &ours]);
    }
    let output = process.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), VECTORS.len());
    for (vector, theirs) in VECTORS.iter().zip(theirs.lines()) {
        let claims = verify(theirs, &SecretString::from(vector.key)).unwrap();
        assert_eq!((claims.identifier.as_str(), claims.sdk_app_id), (vector.identifier, vector.app));
        assert_eq!(claims.expire, vector.expire);
    }
}

proptest! {
    #[test]
    fn hostile_text_is_refused_quietly(text in ".{0,400}") {
        let _ = verify(&text, &SecretString::from(KEY));
    }

    #[test]
    fn hostile_bytes_are_refused_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..400), zlib in any::<bool>()) {
        use base64::Engine as _;
        use std::io::Write as _;
        let bytes = if zlib {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            bytes
        };
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        let text = text.replace('+', "*").replace('/', "-").replace('=', "_");
        prop_assert!(verify(&text, &SecretString::from(KEY)).is_err());
    }

    #[test]
    fn what_is_signed_verifies(identifier in "[ -~\u{a1}-\u{ff}]{0,40}", key in ".{0,80}", app in any::<u32>(), time in any::<u32>()) {
        let key = SecretString::from(key);
        let text = sign(app.into(), &identifier, &key, time.into(), 86_400).unwrap();
        let text = text.expose_secret();
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"*-_".contains(&b)));
        prop_assert_eq!(verify(text, &key).unwrap().identifier, identifier);
    }
}

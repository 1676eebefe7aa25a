//! Where the database is, and who logs in.

use operations::Error;
use operations::error::Kind;
use operations::field::Object;
use serde_json::Value;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A database, and the certificate authorities that vouch for it.
pub(crate) struct Place {
    pub(crate) config: Config,
    /// A file of certificates in PEM; without one, the system's authorities count.
    pub(crate) authorities: Option<String>,
}

impl Place {
    /// The database of a connection URL, or of libpq's `name=value` form.
    ///
    /// Of libpq's TLS modes, `disable`, `prefer` and `require` are taken as they are; wherever TLS is used the
    /// server's certificate and name are verified, so that `verify-ca` and `verify-full` mean `require`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid`; the message does not repeat the URL, which has the password in it.
    pub(crate) fn of_url(url: &str, authorities: Option<&str>) -> Result<Self, Error> {
        let (url, file) = without_libpq(url);
        let config = url.parse::<Config>().map_err(|problem| {
            let reason = std::error::Error::source(&problem).map(ToString::to_string).unwrap_or_default();
            let remedy = "write postgres://user:password@host:5432/database";
            Error::new(Kind::ConfigInvalid, format!("DATABASE_URL cannot be read: {problem} {reason}: {remedy}"))
        })?;
        Ok(Self::of(config, file.as_deref().or(authorities)))
    }

    /// The database of a secret as RDS writes them: `host`, `port`, `username`, `password`, `dbname`; over TLS unless
    /// `sslmode` says otherwise.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the field, never its value.
    pub(crate) fn of_secret(arn: &str, text: &str, authorities: Option<&str>) -> Result<Self, Error> {
        let wrong = |problem: String| Error::new(Kind::ConfigInvalid, format!("secret {arn}: {problem}"));
        let value: Value = serde_json::from_str(text)
            .map_err(|_| wrong("its text is no JSON: store host, port, username, password and dbname".into()))?;
        let body = Object::of(&value, "", Kind::ConfigInvalid).map_err(|error| wrong(error.message().into()))?;
        let member = |name: &str| body.text(name).map_err(|error| wrong(error.message().into()));
        let port = match body.get("port") {
            None => Some(5432),
            Some(Value::String(text)) => text.parse().ok(),
            Some(number) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
        };
        let mut config = Config::new();
        config.host(member("host")?).port(port.ok_or_else(|| wrong("port must be between 0 and 65535".into()))?);
        config.user(member("username")?).password(member("password")?).dbname(member("dbname")?);
        config.ssl_mode(match body.optional_text("sslmode").map_err(|error| wrong(error.message().into()))? {
            Some("disable") => SslMode::Disable,
            Some("prefer") => SslMode::Prefer,
            _ => SslMode::Require,
        });
        Ok(Self::of(config, authorities))
    }

    fn of(mut config: Config, authorities: Option<&str>) -> Self {
        if config.get_application_name().is_none() {
            config.application_name("stepwright migration-runner");
        }
        config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(30));
        // A replica would refuse the first statement; this says so before.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Self { config, authorities: authorities.map(str::to_owned) }
    }
}

/// A URL without what only libpq knows: verifying modes become `require`, and `sslrootcert` is taken out.
fn without_libpq(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mut kept, mut file) = (Vec::new(), None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            Some(("sslmode", "allow")) => kept.push("sslmode=prefer"),
            Some(("sslrootcert", path)) => file = Some(path.replace("%2F", "/")),
            _ => kept.push(pair),
        }
    }
    (format!("{base}?{}", kept.join("&")), file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host;

    #[test]
    fn a_secret_of_rds_is_read_and_asks_for_tls() {
        let text =
            r#"{"host": "db.internal", "port": 5433, "username": "ops", "password": "geheim", "dbname": "shop"}"#;
        let place = Place::of_secret("arn", text, Some("/ca.pem")).unwrap();
        assert_eq!(place.config.get_hosts(), [Host::Tcp("db.internal".into())]);
        assert_eq!(place.config.get_ports(), [5433]);
        assert_eq!(place.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(place.authorities.as_deref(), Some("/ca.pem"));
        for (wrong, part) in [("geheim", "no JSON"), (r#"{"host": "geheim"}"#, "username is missing")] {
            let error = Place::of_secret("arn", wrong, None).err().unwrap();
            assert!(error.message().contains(part) && !error.message().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn a_url_may_use_the_modes_of_libpq() {
        let url = "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3";
        let place = Place::of_url(url, None).unwrap();
        assert_eq!(place.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(place.authorities.as_deref(), Some("/ca.pem"));
        let error = Place::of_url("postgres://u:geheim@h/d?sslmode=sometimes", None).err().unwrap();
        assert!(error.message().contains("sslmode") && !error.message().contains("geheim"), "{error}");
    }
}

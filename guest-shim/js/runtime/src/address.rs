//! URLs: the crate `url` implements the URL Standard, the library makes the classes.

use rquickjs::{Ctx, Object, Result};
use url::{Position, Url, quirks};

/// The components of a URL, named as the class's attributes; `None` for an invalid URL.
pub fn parse<'js>(ctx: &Ctx<'js>, text: &str, base: Option<&str>) -> Result<Option<Object<'js>>> {
    let parsed = match base {
        Some(base) => Url::parse(base).and_then(|base| base.join(text)),
        None => Url::parse(text),
    };
    parsed.ok().map(|url| parts(ctx, &url)).transpose()
}

/// The components after one of them was set; an invalid value leaves them unchanged.
pub fn change<'js>(ctx: &Ctx<'js>, href: &str, part: &str, value: &str) -> Result<Option<Object<'js>>> {
    let Ok(mut url) = Url::parse(href) else { return Ok(None) };
    // A component that the standard forbids to set is left unchanged.
    let _ = match part {
        "protocol" => quirks::set_protocol(&mut url, value),
        "username" => quirks::set_username(&mut url, value),
        "password" => quirks::set_password(&mut url, value),
        "host" => quirks::set_host(&mut url, value),
        "hostname" => quirks::set_hostname(&mut url, value),
        "port" => quirks::set_port(&mut url, value),
        "pathname" => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
        _ => Ok(()),
    };
    parts(ctx, &url).map(Some)
}

fn parts<'js>(ctx: &Ctx<'js>, url: &Url) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("href", url.as_str())?;
    object.set("origin", quirks::origin(url))?;
    object.set("protocol", quirks::protocol(url))?;
    object.set("username", quirks::username(url))?;
    object.set("password", quirks::password(url))?;
    object.set("host", quirks::host(url))?;
    object.set("hostname", &url[Position::BeforeHost..Position::AfterHost])?;
    object.set("port", quirks::port(url))?;
    object.set("pathname", quirks::pathname(url))?;
    object.set("search", quirks::search(url))?;
    object.set("hash", quirks::hash(url))?;
    Ok(object)
}

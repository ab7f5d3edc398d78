//! ES modules: resolution and loading.
//!
//! A script imports by relative path, by absolute path, by `file:` URL, or a package by its name from `node_modules`, all
//! within the folders that the host opened.

use std::cell::RefCell;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Object, Result, Value};

use crate::{files, library, native, source};

/// The main script.
#[derive(Clone, Default)]
pub struct Main {
    /// Its name in messages, as typed by the user.
    pub name: String,
    /// Its path in the guest's file system, if an opened folder contains it.
    pub path: Option<String>,
}

thread_local! {
    static MAIN: RefCell<Main> = RefCell::default();
    /// The main script's text, for places in messages: no opened folder need contain it.
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

pub fn set_main(main: Main, text: String) {
    MAIN.set(main);
    TEXT.set(text);
}

pub fn main() -> Main {
    MAIN.with_borrow(Clone::clone)
}

/// A module's URL by its name, which is `import.meta.url`.
pub fn url(name: &str) -> String {
    let main = main();
    let path =
        if name == main.name { main.path.unwrap_or_else(|| files::clean(&file_name(name))) } else { name.to_owned() };
    url::Url::from_file_path_like(&path)
}

/// A `file:` URL for an absolute path. The crate's own function needs a target with a file system.
trait FromFilePathLike {
    fn from_file_path_like(path: &str) -> String;
}

impl FromFilePathLike for url::Url {
    fn from_file_path_like(path: &str) -> String {
        let mut url = url::Url::parse("file:///").expect("a valid URL");
        url.set_path(path);
        url.into()
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

pub struct Modules;

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if base.starts_with(library::PREFIX) {
            return Ok(match name.strip_prefix("./") {
                Some(rest) => join_library(base, rest),
                None if name.starts_with("../") => join_library(base, name),
                None => name.to_owned(),
            });
        }
        let main = main();
        let path = locate(ctx, base, name, &main).or_else(|problem| Err(import_error(ctx, base, name, &problem)))?;
        if !files::exists(&path) {
            let problem = files::read(&path).err().unwrap_or_default();
            return Err(import_error(ctx, base, name, &problem));
        }
        Ok(if main.path.as_deref() == Some(path.as_str()) { main.name } else { path })
    }
}

/// A TypeError with the place of the import in the importing module. The engine has no such place: it is that of the first
/// string with the imported name.
fn import_error(ctx: &Ctx<'_>, base: &str, name: &str, problem: &str) -> Error {
    let source = if base == main().name {
        Some(TEXT.with_borrow(Clone::clone))
    } else {
        files::read(base).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let place = source.as_deref().and_then(|source| {
        let at = ['"', '\'', '`'].iter().filter_map(|quote| source.find(&format!("{quote}{name}{quote}"))).min()?;
        let before = source.get(..at)?;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Some((before.matches('\n').count() + 1, column))
    });
    let thrown = Exception::throw_type(ctx, problem);
    let Some((line, column)) = place else { return thrown };
    let error = ctx.catch();
    if let Some(object) = error.as_object() {
        let _ = object.set("stack", format!("    at {base}:{line}:{column}\n"));
    }
    ctx.throw(error)
}

fn join_library(base: &str, name: &str) -> String {
    let folder = base.strip_prefix(library::PREFIX).unwrap_or(base);
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{}{}", library::PREFIX, &files::clean(&format!("{folder}/{name}"))[1..])
}

fn locate(ctx: &Ctx<'_>, base: &str, name: &str, main: &Main) -> std::result::Result<String, String> {
    let base_path = if base == main.name { main.path.clone() } else { Some(base.to_owned()) };
    let folder = base_path.as_deref().and_then(|path| path.rsplit_once('/')).map(|(folder, _)| folder.to_owned());
    if let Some(url) = name.strip_prefix("file:") {
        return Ok(files::clean(url));
    }
    if name.contains("://") || name.starts_with("data:") || name.starts_with("node:") {
        return Err(format!("cannot import {name:?}: modules come from the folders given with --dir"));
    }
    if name.starts_with('/') {
        return Ok(with_other_endings(&files::clean(name)));
    }
    let Some(folder) = folder else {
        return Err(format!(
            "cannot import {name:?}: {} lies in none of the folders open to it; give one with airlock run --dir FOLDER",
            main.name
        ));
    };
    if name.starts_with("./") || name.starts_with("../") || name == "." || name == ".." {
        return Ok(with_other_endings(&files::clean(&format!("{folder}/{name}"))));
    }
    package(ctx, &folder, name).ok_or_else(|| format!("cannot find package {name:?}, imported from {base}"))
}

/// File extensions that an import may omit.
const MODULE_ENDINGS: [&str; 4] = ["js", "mjs", "ts", "mts"];

/// Tries other extensions: TypeScript imports `./x.ts` as `./x.js`, and bundlers accept `./x`.
fn with_other_endings(path: &str) -> String {
    if files::exists(path) {
        return path.to_owned();
    }
    let mut others = Vec::new();
    if let Some(stem) = path.strip_suffix(".js") {
        others.push(format!("{stem}.ts"));
    } else if let Some(stem) = path.strip_suffix(".mjs") {
        others.push(format!("{stem}.mts"));
    } else {
        others.extend(MODULE_ENDINGS.map(|ending| format!("{path}.{ending}")));
        others.extend(MODULE_ENDINGS.map(|ending| format!("{path}/index.{ending}")));
    }
    others.into_iter().find(|other| files::exists(other)).unwrap_or_else(|| path.to_owned())
}

/// A package from the nearest `node_modules`, by its `package.json`.
fn package(ctx: &Ctx<'_>, folder: &str, name: &str) -> Option<String> {
    let split = match name.strip_prefix('@') {
        Some(scoped) => scoped.find('/').and_then(|slash| scoped[slash + 1..].find('/').map(|next| slash + next + 2)),
        None => name.find('/'),
    };
    let (package, inside) = match split {
        Some(at) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    };
    let mut above = folder.to_owned();
    loop {
        let root = format!("{above}/node_modules/{package}");
        if let Ok(text) = files::read(&format!("{root}/package.json")) {
            let manifest: Object = ctx.json_parse(text).ok()?.into_object()?;
            return entry(&manifest, &root, inside);
        }
        above.truncate(above.rfind('/')?);
    }
}

fn entry(manifest: &Object<'_>, root: &str, inside: Option<&str>) -> Option<String> {
    let inside_root = |path: &str| files::clean(&format!("{root}/{path}"));
    let wanted = inside.map_or_else(|| ".".to_owned(), |inside| format!("./{inside}"));
    let exports: Value = manifest.get("exports").ok()?;
    if !exports.is_undefined() && !exports.is_null() {
        return exported(&exports, &wanted).map(|path| inside_root(&path));
    }
    if let Some(inside) = inside {
        return Some(with_other_endings(&inside_root(inside)));
    }
    let main = ["module", "main"].iter().find_map(|key| manifest.get::<_, String>(*key).ok());
    Some(with_other_endings(&inside_root(&main.unwrap_or_else(|| "index.js".to_owned()))))
}

/// The target of a subpath in `exports`.
fn exported(exports: &Value<'_>, wanted: &str) -> Option<String> {
    let Some(object) = exports.as_object().filter(|_| !exports.is_array()) else {
        return (wanted == ".").then(|| condition(exports)).flatten();
    };
    let keys: Vec<String> = object.keys::<String>().filter_map(std::result::Result::ok).collect();
    if !keys.iter().any(|key| key.starts_with('.')) {
        return (wanted == ".").then(|| condition(exports)).flatten();
    }
    if let Ok(target) = object.get::<_, Value>(wanted)
        && !target.is_undefined()
    {
        return condition(&target);
    }
    for key in keys {
        if let Some((before, after)) = key.split_once('*')
            && let Some(middle) = wanted.strip_prefix(before).and_then(|rest| rest.strip_suffix(after))
        {
            let target = condition(&object.get::<_, Value>(key.as_str()).ok()?)?;
            return Some(target.replace('*', middle));
        }
    }
    None
}

/// The file selected by conditions.
fn condition(target: &Value<'_>) -> Option<String> {
    if let Some(text) = target.as_string() {
        return text.to_string().ok();
    }
    if let Some(array) = target.as_array() {
        return array.iter::<Value>().filter_map(std::result::Result::ok).find_map(|target| condition(&target));
    }
    let object = target.as_object()?;
    // In the package's order, as in Node.js.
    object.keys::<String>().filter_map(std::result::Result::ok).find_map(|key| {
        if !["import", "module", "browser", "default"].contains(&key.as_str()) {
            return None;
        }
        condition(&object.get::<_, Value>(key).ok()?)
    })
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if name == library::NATIVE {
            return Module::declare_def::<native::Native, _>(ctx.clone(), name);
        }
        if let Some(source) = library::source(name) {
            return Module::declare(ctx.clone(), name, source);
        }
        let json = attributes.and_then(|attributes| attributes.get_type().ok().flatten()).as_deref() == Some("json");
        let text = files::read(name)
            .and_then(|bytes| source::decode(name, bytes))
            .or_else(|problem| Err(Exception::throw_type(ctx, &problem)))?;
        let text = if json { json_module(ctx, name, text)? } else { source::prepare(ctx, name, text)? };
        declare(ctx, name, text)
    }
}

/// A module whose default export is a JSON file's value. JSON is data: it is never evaluated as a script.
fn json_module(ctx: &Ctx<'_>, name: &str, text: String) -> Result<String> {
    if let Err(error) = ctx.json_parse(text.as_str()) {
        let thrown = ctx.catch();
        let message = thrown.as_object().and_then(|object| object.get::<_, String>("message").ok());
        let Some(message) = message.filter(|_| error.is_exception()) else { return Err(ctx.throw(thrown)) };
        // The engine's stack begins with the place: "at <input>:3:1".
        let stack = thrown.as_object().and_then(|object| object.get::<_, String>("stack").ok()).unwrap_or_default();
        let mut numbers = stack.lines().next().unwrap_or_default().rsplit(':').map(|part| part.trim_end().parse().ok());
        let (column, line) = (numbers.next().flatten(), numbers.next().flatten());
        let place = line.zip(column);
        return Err(match source::syntax_error(ctx, name, &message, place) {
            Ok(error) => ctx.throw(error.into_value()),
            Err(error) => error,
        });
    }
    let literal = ctx.json_stringify(text)?.map(|literal| literal.to_string()).transpose()?.unwrap_or_default();
    Ok(format!("export default JSON.parse({literal});"))
}

/// Replaces the exception for a source that exceeds the parser's stack, which reads like one for recursive calls.
fn nests_too_deeply(ctx: &Ctx<'_>, name: &str, error: Error) -> Error {
    if !error.is_exception() {
        return error;
    }
    let thrown = ctx.catch();
    let message = thrown.as_object().and_then(|object| object.get::<_, String>("message").ok());
    if message.as_deref() != Some("Maximum call stack size exceeded") {
        return ctx.throw(thrown);
    }
    match source::syntax_error(ctx, name, "the script nests too deeply", None) {
        Ok(error) => ctx.throw(error.into_value()),
        Err(error) => error,
    }
}

/// Compiles a module and sets its `import.meta.url`.
pub fn declare<'js>(ctx: &Ctx<'js>, name: &str, text: String) -> Result<Module<'js, Declared>> {
    let module = Module::declare(ctx.clone(), name, text).map_err(|error| nests_too_deeply(ctx, name, error))?;
    module.meta()?.set("url", url(name))?;
    Ok(module)
}

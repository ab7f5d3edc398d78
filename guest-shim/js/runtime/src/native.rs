//! The runtime's functions for the library: the default export of `airlock:native`.
#![allow(unsafe_code)]

use rquickjs::function::Opt;
use rquickjs::module::{Declarations, Exports, ModuleDef};
use rquickjs::{Array, Ctx, Exception, Function, Object, Result, Value};

use crate::bindings::wasi::cli::{environment, exit};
use crate::bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::bindings::wasi::random::random;
use crate::print::{self, Target};
use crate::tables::FEATURES;
use crate::{address, engine, events, files, image, js, modules, objects, pending, pixels};

pub struct Native;

impl ModuleDef for Native {
    fn declare(declarations: &Declarations<'_>) -> Result<()> {
        declarations.declare("default")?;
        Ok(())
    }

    fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> Result<()> {
        let native = Object::new(ctx.clone())?;
        process(ctx, &native)?;
        time(ctx, &native)?;
        data(ctx, &native)?;
        interface(ctx, &native)?;
        exports.export("default", native)?;
        Ok(())
    }
}

/// Sets a function as a property.
macro_rules! offer {
    ($object:expr, $ctx:expr, $name:literal, $function:expr) => {
        $object.set($name, Function::new($ctx.clone(), $function)?)?
    };
}

fn process<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    offer!(native, ctx, "print", |error: bool, text: String| {
        print::write(if error { Target::Stderr } else { Target::Stdout }, &text);
    });
    offer!(native, ctx, "exit", |code: u8| exit::exit_with_code(code));
    offer!(native, ctx, "setExitCode", engine::set_exit_code);
    native.set("arguments", engine::arguments())?;
    let variables = Object::new(ctx.clone())?;
    for (name, value) in environment::get_environment() {
        variables.set(name, value)?;
    }
    native.set("environment", variables)?;
    native.set("script", modules::main().name)?;
    native.set("location", modules::url(&modules::main().name))?;
    native.set("folders", files::folders())?;
    offer!(native, ctx, "report", |ctx: Ctx<'js>, error: Value<'js>| -> () { engine::fail(&ctx, error) });
    offer!(native, ctx, "whenIdle", |function: Function<'js>| engine::when_idle(&function));
    offer!(native, ctx, "collect", |ctx: Ctx<'js>| ctx.run_gc());
    Ok(())
}

fn time<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    let start = monotonic_clock::now();
    let started = system_clock::now();
    native.set("timeOrigin", started.seconds as f64 * 1e3 + f64::from(started.nanoseconds) / 1e6)?;
    offer!(native, ctx, "now", move || monotonic_clock::now().saturating_sub(start) as f64 / 1e6);
    offer!(native, ctx, "startTimer", pending::start_timer);
    offer!(native, ctx, "stopTimer", pending::stop_timer);
    offer!(native, ctx, "onTimer", |function: Function<'js>| engine::on_timer(&function));
    Ok(())
}

/// A copy of the bytes of a buffer or view.
fn bytes_of(value: &Value<'_>) -> Option<Vec<u8>> {
    let (start, length) = js::bytes(value.ctx().as_raw().as_ptr(), value.as_raw()).ok()??;
    Some(unsafe { std::slice::from_raw_parts(start, length) }.to_vec())
}

fn buffer<'js>(ctx: &Ctx<'js>, bytes: Vec<u8>) -> Value<'js> {
    unsafe { Value::from_raw(ctx.clone(), js::array_buffer_of(ctx.as_raw().as_ptr(), bytes)) }
}

/// Throws a host error as an Error.
fn failed<T>(ctx: &Ctx<'_>, outcome: std::result::Result<T, String>) -> Result<T> {
    outcome.map_err(|problem| Exception::throw_message(ctx, &problem))
}

fn data<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    offer!(native, ctx, "readFile", |ctx: Ctx<'js>, path: String| {
        Ok::<_, rquickjs::Error>(buffer(&ctx, failed(&ctx, files::read(&path))?))
    });
    offer!(native, ctx, "writeFile", |ctx: Ctx<'js>, path: String, bytes: Value<'js>| {
        failed(&ctx, files::write(&path, bytes_of(&bytes).unwrap_or_default()))
    });
    offer!(native, ctx, "removeFile", |ctx: Ctx<'js>, path: String| failed(&ctx, files::remove(&path)));
    offer!(native, ctx, "fileExists", |path: String| files::exists(&path));
    offer!(native, ctx, "random", |ctx: Ctx<'js>, length: u32| buffer(&ctx, random::get_random_bytes(length.into())));
    offer!(native, ctx, "encode", |ctx: Ctx<'js>, text: Value<'js>| {
        let raw = ctx.as_raw().as_ptr();
        match js::to_text(raw, text.as_raw(), |bytes| bytes.to_vec()) {
            Ok(bytes) => Ok(buffer(&ctx, bytes)),
            Err(js::Thrown) => Err(rquickjs::Error::Exception),
        }
    });
    offer!(native, ctx, "decode", |bytes: Value<'js>, fatal: bool| {
        let bytes = bytes_of(&bytes).unwrap_or_default();
        if fatal { String::from_utf8(bytes).ok() } else { Some(String::from_utf8_lossy(&bytes).into_owned()) }
    });
    offer!(native, ctx, "detach", |ctx: Ctx<'js>, buffer: Value<'js>| unsafe {
        rquickjs::qjs::JS_DetachArrayBuffer(ctx.as_raw().as_ptr(), buffer.as_raw());
    });
    offer!(native, ctx, "encodePng", |ctx: Ctx<'js>, width: u32, height: u32, pixels: Value<'js>| {
        let pixels = bytes_of(&pixels).unwrap_or_default();
        Ok::<_, rquickjs::Error>(buffer(&ctx, failed(&ctx, image::encode(width, height, &pixels))?))
    });
    offer!(native, ctx, "decodePng", |ctx: Ctx<'js>, bytes: Value<'js>| {
        let picture = failed(&ctx, image::decode(&bytes_of(&bytes).unwrap_or_default()))?;
        let object = Object::new(ctx.clone())?;
        object.set("width", picture.width)?;
        object.set("height", picture.height)?;
        object.set("data", buffer(&ctx, picture.pixels))?;
        Ok::<_, rquickjs::Error>(object)
    });
    offer!(native, ctx, "convertPixels", |ctx: Ctx<'js>, bytes: Value<'js>, options: Object<'js>| {
        let converted = pixels::convert(&bytes_of(&bytes).unwrap_or_default(), &options)?;
        Ok::<_, rquickjs::Error>(buffer(&ctx, failed(&ctx, converted)?))
    });
    offer!(native, ctx, "resizePixels", |ctx: Ctx<'js>, bytes: Value<'js>, options: Object<'js>| {
        let resized = pixels::resize(&bytes_of(&bytes).unwrap_or_default(), &options)?;
        Ok::<_, rquickjs::Error>(buffer(&ctx, failed(&ctx, resized)?))
    });
    offer!(native, ctx, "parseUrl", |ctx: Ctx<'js>, text: String, base: Opt<String>| {
        address::parse(&ctx, &text, base.0.as_deref())
    });
    offer!(native, ctx, "changeUrl", |ctx: Ctx<'js>, href: String, part: String, value: String| {
        address::change(&ctx, &href, &part, &value)
    });
    Ok(())
}

fn interface<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    let raw = ctx.as_raw().as_ptr();
    let thrown = |js::Thrown| rquickjs::Error::Exception;
    let description = objects::describe(raw).map_err(thrown)?;
    native.set("interface", unsafe { Value::from_raw(ctx.clone(), description.into_raw()) })?;
    offer!(native, ctx, "setPrototype", |ctx: Ctx<'js>, name: String, prototype: Value<'js>| {
        objects::set_prototype(ctx.as_raw().as_ptr(), &name, prototype.as_raw())
            .map_err(|js::Thrown| rquickjs::Error::Exception)
    });
    offer!(native, ctx, "setHelpers", |ctx: Ctx<'js>, helpers: Array<'js>| {
        let mut functions = [js::UNDEFINED; objects::KNOWN];
        for (index, function) in functions.iter_mut().enumerate() {
            *function = helpers.get::<Value>(index)?.as_raw();
        }
        objects::set_known(ctx.as_raw().as_ptr(), functions);
        Ok::<_, rquickjs::Error>(())
    });
    native.set("features", FEATURES.values.to_vec())?;
    offer!(native, ctx, "kind", |value: Value<'js>| objects::kind(value.as_raw()));
    offer!(native, ctx, "onLost", |ctx: Ctx<'js>, device: Value<'js>, tell: Function<'js>| {
        events::on_lost(&ctx, &device, &tell);
    });
    offer!(native, ctx, "onUncaptured", |ctx: Ctx<'js>, device: Value<'js>, tell: Function<'js>| {
        events::on_uncaptured(&ctx, &device, &tell);
    });
    offer!(native, ctx, "mapNow", |ctx: Ctx<'js>, buffer: Value<'js>| failed(&ctx, events::map_now(&buffer)));
    Ok(())
}

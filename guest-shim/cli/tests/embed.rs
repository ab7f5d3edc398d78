//! An embedder whose store type has no GPU support, such as another crate's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    env,
    path::{Path, PathBuf},
};

use airlock::{Daemon, WasiWebGpuCtx, WasiWebGpuCtxView, WasiWebGpuView, add_to_linker_with, v0_0_1};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{p2, p3};

/// Stands for another crate: [`airlock::WasiWebGpuView`] is not implemented for its type, and could not be.
mod foreign {
    use wasmtime::component::ResourceTable;
    use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

    pub struct Host<E> {
        pub wasi: WasiCtx,
        pub table: ResourceTable,
        pub extension: E,
    }

    impl<E: Send> WasiView for Host<E> {
        fn ctx(&mut self) -> WasiCtxView<'_> {
            WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
        }
    }
}

type Host = foreign::Host<WasiWebGpuCtx>;

fn gpu(host: &mut Host) -> WasiWebGpuCtxView<'_> {
    WasiWebGpuCtxView { ctx: &mut host.extension, table: &mut host.table }
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    Engine::new(&config).unwrap()
}

/// The worker that was built beside this test.
fn daemon() -> Daemon {
    let test = env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join(airlock::DAEMON_NAME);
    assert!(program.is_file(), "{} is not built: run `cargo build --workspace` first", program.display());
    Daemon::Spawn { program, arguments: Vec::new() }
}

fn guest(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = env::var_os("AIRLOCK_GUESTS").map_or_else(|| root.join("tests/guests/prebuilt"), PathBuf::from);
    folder.join(format!("{name}.wasm"))
}

/// The guest calls every function of the interface, those with futures and streams among them, and checks the results.
#[test]
fn a_store_of_a_foreign_type_runs_a_guest() {
    let engine = engine();
    let mut linker = Linker::<Host>::new(&engine);
    p2::add_to_linker_async(&mut linker).unwrap();
    p3::add_to_linker(&mut linker).unwrap();
    add_to_linker_with(&mut linker, gpu).unwrap();
    let component = Component::from_file(&engine, guest("api-tour")).unwrap();
    let command = p3::bindings::CommandPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let host = Host {
        wasi: wasmtime_wasi::WasiCtx::builder().inherit_stdio().build(),
        table: ResourceTable::new(),
        extension: WasiWebGpuCtx::builder().daemon(daemon()).build(),
    };
    let mut store = Store::new(&engine, host);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let command = command.instantiate_async(&mut store).await.unwrap();
        store.run_concurrent(async |accessor| command.wasi_cli_run().call_run(accessor).await).await
    });
    assert_eq!(ended.unwrap().unwrap(), Ok(()));
    let stats = store.data().extension.stats();
    assert_eq!(stats.blocking_waits, 0, "{stats}");
    assert!(stats.calls.len() > 200, "{stats}");
}

/// Linking only adds to a linker: the embedder's setting for shadowing stays.
#[test]
fn linking_has_no_side_effects() {
    let engine = engine();
    let mut strict = Linker::<Host>::new(&engine);
    add_to_linker_with(&mut strict, gpu).unwrap();
    add_to_linker_with(&mut strict, gpu).expect_err("a linker takes a name once unless it is told otherwise");
    let mut lenient = Linker::<Host>::new(&engine);
    lenient.allow_shadowing(true);
    add_to_linker_with(&mut lenient, gpu).unwrap();
    add_to_linker_with(&mut lenient, gpu).expect("shadowing is still allowed");
}

/// A store type of the embedder's own.
struct Own {
    table: ResourceTable,
    gpu: WasiWebGpuCtx,
}

impl WasiWebGpuView for Own {
    fn webgpu(&mut self) -> WasiWebGpuCtxView<'_> {
        WasiWebGpuCtxView { ctx: &mut self.gpu, table: &mut self.table }
    }
}

/// The same for version 0.0.1, although it replaces functions that it has added itself.
#[test]
fn linking_an_earlier_version_has_no_side_effects() {
    let engine = engine();
    let mut strict = Linker::<Own>::new(&engine);
    v0_0_1::add_to_linker(&mut strict).unwrap();
    v0_0_1::add_to_linker(&mut strict).expect_err("a linker takes a name once unless it is told otherwise");
    airlock::add_to_linker(&mut strict).expect("the versions have names of their own");
    airlock::add_to_linker(&mut strict).expect_err("shadowing is still forbidden");
    let mut lenient = Linker::<Own>::new(&engine);
    lenient.allow_shadowing(true);
    v0_0_1::add_to_linker(&mut lenient).unwrap();
    v0_0_1::add_to_linker(&mut lenient).expect("shadowing is still allowed");
}

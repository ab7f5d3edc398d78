//! A host of plugins: it reads a component's imports, asks its plugins for those interfaces, and keeps each one's context in a
//! store of its own type. See `docs/hosts.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    any::Any,
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use airlock::{Daemon, WasiWebGpuCtx, WasiWebGpuCtxView, add_to_linker_with};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2, p3};

/// The host's store, independent of the plugins' types.
struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    contexts: HashMap<&'static str, Box<dyn Any + Send>>,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Interface between the host and a plugin.
trait Plugin: Send + Sync {
    /// Key of the plugin's context.
    fn id(&self) -> &'static str;
    /// True for an interface that the plugin implements, by its full name.
    fn provides(&self, interface: &str) -> bool;
    /// Adds the plugin's interfaces.
    fn add_to_linker(&self, linker: &mut Linker<Host>) -> wasmtime::Result<()>;
    /// Creates the plugin's context for a store.
    fn context(&self) -> Box<dyn Any + Send>;
}

/// The plugin that `docs/hosts.md` describes. One for the whole host: stores share the source of workers.
struct Gpu {
    daemon: Daemon,
}

const GPU: &str = "airlock-gpu";

fn view(host: &mut Host) -> WasiWebGpuCtxView<'_> {
    let context = host.contexts.get_mut(GPU).and_then(|context| context.downcast_mut());
    WasiWebGpuCtxView { ctx: context.expect("the plugin was bound to this store"), table: &mut host.table }
}

impl Plugin for Gpu {
    fn id(&self) -> &'static str {
        GPU
    }

    fn provides(&self, interface: &str) -> bool {
        interface == "wasi:webgpu/webgpu@0.3.0-rc.2"
    }

    fn add_to_linker(&self, linker: &mut Linker<Host>) -> wasmtime::Result<()> {
        add_to_linker_with(linker, view)
    }

    fn context(&self) -> Box<dyn Any + Send> {
        Box::new(WasiWebGpuCtx::builder().daemon(self.daemon.clone()).build())
    }
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

/// The plugins that a component needs, found by its imports.
fn plugins_of(component: &Component, engine: &Engine, all: &[Arc<dyn Plugin>]) -> Vec<Arc<dyn Plugin>> {
    let imports: Vec<String> = component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
    all.iter().filter(|plugin| imports.iter().any(|import| plugin.provides(import))).cloned().collect()
}

#[test]
fn a_host_of_plugins_runs_guests_beside_each_other() {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config).unwrap();
    let registry: Vec<Arc<dyn Plugin>> = vec![Arc::new(Gpu { daemon: daemon() })];
    let component = Component::from_file(&engine, guest("collatz")).unwrap();
    let plugins = plugins_of(&component, &engine, &registry);
    assert_eq!(plugins.iter().map(|plugin| plugin.id()).collect::<Vec<_>>(), [GPU]);
    let hello = Component::from_file(&engine, guest("hello")).unwrap();
    assert!(plugins_of(&hello, &engine, &registry).is_empty());

    let mut linker = Linker::<Host>::new(&engine);
    p2::add_to_linker_async(&mut linker).unwrap();
    p3::add_to_linker(&mut linker).unwrap();
    for plugin in &plugins {
        plugin.add_to_linker(&mut linker).unwrap();
    }
    let command = p3::bindings::CommandPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let contexts = plugins.iter().map(|plugin| (plugin.id(), plugin.context())).collect();
            let host = Host { wasi: WasiCtx::builder().build(), table: ResourceTable::new(), contexts };
            let (mut store, command) = (Store::new(&engine, host), command.clone());
            runtime.spawn(async move {
                let command = command.instantiate_async(&mut store).await.unwrap();
                let run = async |accessor: &_| {
                    airlock::send_while_waiting(accessor, view, command.wasi_cli_run().call_run(accessor)).await
                };
                store.run_concurrent(run).await
            })
        })
        .collect();
    for run in runs {
        let ended = runtime.block_on(run).unwrap();
        assert_eq!(ended.unwrap().unwrap(), Ok(()));
    }
}

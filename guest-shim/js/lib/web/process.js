// The process: arguments, environment variables and exit code, under Node.js's names.

import native from 'airlock:native';
import { global } from '../define.js';

let exitCode;
const process = {
  argv: ['airlock', native.script, ...native.arguments],
  env: native.environment,
  platform: 'wasi',
  get exitCode() { return exitCode; },
  set exitCode(code) {
    exitCode = code;
    native.setExitCode(Number(code ?? 0) & 255);
  },
  exit(code = exitCode ?? 0) { native.exit(Number(code) & 255); },
  stdout: { write(text) { native.print(false, String(text)); return true; } },
  stderr: { write(text) { native.print(true, String(text)); return true; } },
};
Object.defineProperty(process, Symbol.toStringTag, { value: 'process', configurable: true });
global({ process, gc() { native.collect(); } });

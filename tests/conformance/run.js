// Runs the tests and prints a table, or JSON with `--json`; an argument without dashes is a part of the names to run.
// Exit code 1 when a test fails. In a page, import `tests` and call `runAll` instead.

import './webidl.js';
import './device.js';
import './buffer.js';
import './work.js';
import { runAll } from './harness.js';

const words = globalThis.process?.argv.slice(2) ?? [];
const results = await runAll(words.find((word) => !word.startsWith('--')));
const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
if (words.includes('--json')) {
  console.log(JSON.stringify({ passed: count('pass'), failed: count('fail'), skipped: count('skip'), results }));
} else {
  for (const { name, outcome, message } of results) console.log(`${outcome}  ${name}${message ? ` -- ${message}` : ''}`);
  console.log(`${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`);
}
globalThis.conformance = results;
if (globalThis.process) process.exitCode = count('fail') ? 1 : 0;

// Runs the tests and prints a table, or JSON with `--json`; an argument without dashes selects tests by a part of their
// names. Exit code 1 if a test fails. In a page, import this file: the results are in `globalThis.conformance`.

import './webidl.js';
import './device.js';
import './buffer.js';
import './work.js';
import './rules.js';
import './pictures.js';
import './interfaces.js';
import './functions/labels.js';
import './functions/limits.js';
import './functions/attributes.js';
import './functions/devices.js';
import './functions/creation.js';
import './functions/pipelines.js';
import './functions/buffers.js';
import './functions/copies.js';
import './functions/encoders.js';
import './functions/passes.js';
import './functions/draws.js';
import './functions/errors.js';
import './functions/canvas.js';
import { host, runAll } from './harness.js';
import { asTable } from './table.js';
import expected from './expected.json' with { type: 'json' };
import outOfReach from './out-of-reach.json' with { type: 'json' };

const words = globalThis.process?.argv.slice(2) ?? [];
const results = await runAll(words.find((word) => !word.startsWith('--')), expected[host()]);
const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
const sums = { passed: count('pass'), failed: count('fail'), known: count('known'), skipped: count('skip') };
const report = { ...sums, outOfReach, results };
if (words.includes('--json')) console.log(JSON.stringify(report));
else if (words.includes('--table')) console.log(asTable(report));
else for (const { name, outcome, message } of results) if (outcome !== 'none') console.log(`${outcome}  ${name}${message ? ` -- ${message}` : ''}`);
if (!words.includes('--json')) console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.known} failed as expected, ${sums.skipped} skipped`);
globalThis.conformance = report;
if (globalThis.process) process.exitCode = sums.failed ? 1 : 0;

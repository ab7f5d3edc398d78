// The results by function: a row for each, and what came of its tests of what is valid, invalid, and at a bound.

const KINDS = ['valid', 'invalid', 'boundary'];

export function asTable({ results, outOfReach }) {
  const functions = new Map();
  for (const { of, kind, outcome } of results) {
    if (!of) continue;
    if (!functions.has(of)) functions.set(of, {});
    functions.get(of)[kind] = outcome === 'none' ? '-' : outcome;
  }
  const rows = [...functions].map(([name, outcomes]) => [name, ...KINDS.map((kind) => outcomes[kind] ?? '')]);
  rows.push(...Object.keys(outOfReach).map((name) => [name, 'out of reach', '', '']));
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [['function', ...KINDS], ['---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

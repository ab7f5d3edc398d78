// The results by function: a row for each, with the outcomes of its tests of valid, invalid and boundary values.

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

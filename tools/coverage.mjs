#!/usr/bin/env node
// Writes docs/api-coverage.md: what the local backend does of each operation of BCTRL's contract, from the data beside
// its code. A test checks that the written one is what this would write.
//   node tools/coverage.mjs

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(import.meta.url);
const ROOT = join(dirname(HERE), '..');
const OUT = join(ROOT, 'docs/api-coverage.md');
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

function rowsOf(contract, levels) {
  return Object.entries(contract.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const id = item[method].operationId;
      return { id, call: `${method.toUpperCase()} ${path.replace(/^\/v1/, '')}`, ...levels[id] };
    }),
  );
}

/** "runtimes" for runtimes.start, "help" for help. */
const groupOf = ({ id }) => id.split('.')[0];

function counted(rows) {
  const counts = {};
  for (const { level } of rows) counts[level] = (counts[level] ?? 0) + 1;
  return Object.entries(counts)
    .sort(([, left], [, right]) => right - left)
    .map(([level, count]) => `${count} ${level}`)
    .join(', ');
}

export function coverageDocument() {
  const rows = rowsOf(read('local/contract/openapi.json'), read('local/contract/coverage.json'));
  const groups = [...new Set(rows.map(groupOf))].sort();
  const table = (group) => [
    `## ${group}`,
    '',
    '| operation | call | level | note |',
    '|---|---|---|---|',
    ...rows
      .filter((row) => groupOf(row) === group)
      .map(({ id, call, level, note }) => `| ${id} | \`${call}\` | ${level} | ${note ?? ''} |`),
    '',
  ];
  return [
    '# What the local backend does of the API',
    '',
    '<!-- Written by tools/coverage.mjs from local/contract/coverage.json. Change that, then run it. -->',
    '',
    `All ${rows.length} operations of BCTRL's v1 contract: ${counted(rows)}. *Full* is real behaviour over real`,
    'Chromium. *Reduced* is real as far as the note says. *Refused* needs the cloud: the',
    'answer is an error with a reason and a hint, never a made-up success.',
    '',
    ...groups.flatMap(table),
  ].join('\n');
}

if (process.argv[1] === HERE) writeFileSync(OUT, coverageDocument());

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { blocksOf, complaintAbout } from './lib/readme.mjs';
import { Sandbox } from './lib/sandbox.mjs';

const README = join(import.meta.dirname, '../../README.md');
const PACKAGES = join(import.meta.dirname, 'node_modules');

test('a block without a comment, or with one that says nothing, is an objection', () => {
  const complaints = (markdown) => blocksOf(markdown).map(complaintAbout).filter(Boolean);
  assert.deepEqual(complaints('<!-- run -->\n```sh\nls\n```\n'), []);
  assert.deepEqual(complaints('<!-- run: puppeteer -->\n```js\nlet a;\n```\n'), []);
  assert.deepEqual(complaints('<!-- no run: it would take a day -->\n```sh\nls\n```\n'), []);
  assert.deepEqual(complaints('```text\nls\n```\n'), []);
  for (const wrong of [
    '```sh\nls\n```\n',
    '<!-- run -->\n\n```sh\nls\n```\n',
    '<!-- no run -->\n```sh\nls\n```\n',
    '<!-- run: selenium -->\n```js\nlet a;\n```\n',
    '<!-- run -->\n```js\nlet a;\n```\n',
    '<!-- run -->\n```sh\n```\n',
  ])
    assert.equal(complaints(wrong).length, 1, wrong);
});

/** As a reader's own project would have them, under the names of the full packages as well. */
function installPackages(sandbox) {
  const modules = join(sandbox.dir, 'home/node_modules');
  mkdirSync(modules);
  for (const name of ['playwright', 'puppeteer'])
    for (const alias of [name, `${name}-core`]) symlinkSync(join(PACKAGES, `${name}-core`), join(modules, alias));
}

async function runBlock(sandbox, { language, text, line }) {
  const script = sandbox.file(`home/readme-${line}.${language === 'sh' ? 'sh' : 'mjs'}`, text);
  const [command, args] = language === 'sh' ? ['sh', ['-e', '-u', script]] : [process.execPath, [script]];
  const program = sandbox.start(command, args);
  const code = await program.end(120_000);
  assert.equal(code, 0, `${program.stdout}\n${program.stderr}`);
  assert.notEqual(program.stdout.trim(), '', 'a command of the README shows something');
}

async function checkConfiguration(sandbox, { text, line }) {
  const file = sandbox.file(`readme-${line}.yaml`, text);
  const { code, stderr } = await sandbox.cli(['config', 'check', file]);
  assert.equal(code, 0, stderr);
}

test('every command of README.md works, with the default configuration and its default ports', async (t) => {
  const blocks = blocksOf(readFileSync(README, 'utf8'));
  assert.deepEqual(blocks.map(complaintAbout).filter(Boolean), []);
  const runnable = blocks.filter(({ mark }) => mark === 'run');
  assert.ok(runnable.length >= 3, 'it has something to run');

  const sandbox = new Sandbox(t);
  installPackages(sandbox);
  // No configuration file, as on the first day; ports 9410 and 9411. When they are taken, serve's own line says by whom.
  const daemon = await Daemon.start(t, { sandbox, config: null, args: ['--log-level', 'trace'] });
  assert.equal(daemon.http, 'http://127.0.0.1:9411');
  for (const block of runnable)
    await t.test(`line ${block.line}: ${block.text.trim().split('\n')[0]}`, () => runBlock(sandbox, block));
  for (const block of blocks.filter(({ language, text }) => language === 'yaml' && text.startsWith('version:')))
    await t.test(`line ${block.line}: the configuration is valid`, () => checkConfiguration(sandbox, block));
  await daemon.stop();
});

import { execFileSync } from 'node:child_process';
import { openSync, readSync, closeSync } from 'node:fs';

// Exact counts of what the daemon does per command. They do not depend on who else uses the machine: each is the
// difference of two runs that differ in nothing but the number of commands, divided by that number.

/** Commands that the bridge has passed on so far, by its own word. */
export function commandsOf(bench) {
  const status = execFileSync(bench.tools.bridge, ['status', '--json'], { env: bench.env(), encoding: 'utf8' });
  return JSON.parse(status).bridges[0].commands;
}

function readCounts(path) {
  const bytes = Buffer.alloc(16);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, 16, 0);
  closeSync(file);
  return { allocations: Number(bytes.readBigUInt64LE(0)), calls: Number(bytes.readBigUInt64LE(8)) };
}

/** Allocations and system calls per command: {commands, allocations, calls}. `load` are flags of cdp-load. */
export async function countCalls(bench, preload, load) {
  const file = bench.file('counts', '');
  const bridge = await bench.bridge({ env: { LD_PRELOAD: preload, COUNT_FILE: file } });
  const run = async (milliseconds) => {
    const [before, commands] = [readCounts(file), commandsOf(bench)];
    await bench.load({ ...bridge, pid: undefined }, { ...load, 'warmup-ms': 0, 'duration-ms': milliseconds });
    const after = readCounts(file);
    return {
      commands: commandsOf(bench) - commands,
      allocations: after.allocations - before.allocations,
      calls: after.calls - before.calls,
    };
  };
  await run(300); // what is made once and kept
  const short = await run(300);
  const long = await run(1500);
  await bench.stopOne(bridge);
  const commands = long.commands - short.commands;
  return {
    commands,
    allocations: (long.allocations - short.allocations) / commands,
    calls: (long.calls - short.calls) / commands,
  };
}

/** User instructions per command, counted by callgrind: {commands, instructions}. */
export async function countInstructions(bench, load) {
  const run = async (milliseconds) => {
    const bridge = await bench.bridge({
      under: ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', '--trace-children=no'],
    });
    await bench.load({ ...bridge, pid: undefined }, { ...load, 'warmup-ms': 0, 'duration-ms': milliseconds });
    const commands = commandsOf(bench);
    const said = await bench.stopOne(bridge);
    const collected = said.match(/Collected : (\d+)/);
    if (!collected) throw new Error(`callgrind has counted nothing: ${said}`);
    return { commands, instructions: Number(collected[1]) };
  };
  const short = await run(1000);
  const long = await run(6000);
  const commands = long.commands - short.commands;
  return { commands, instructions: (long.instructions - short.instructions) / commands };
}

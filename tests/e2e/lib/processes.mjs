import { readdirSync, readFileSync } from 'node:fs';

function read(path) {
  try {
    return readFileSync(path, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // gone meanwhile, or not ours
  }
}

/**
 * Processes that belong to a folder: it is named on their command line or in their environment, which children
 * inherit. Zombies have neither and do not count. Yields [{pid, command}].
 */
export function processesOf(folder) {
  const found = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = read(`/proc/${pid}/cmdline`);
    if (!command.includes(folder) && !read(`/proc/${pid}/environ`).includes(folder)) continue;
    if (command.trim() !== '') found.push({ pid: Number(pid), command: command.trim() });
  }
  return found;
}

/** Those of them that are parts of a browser. */
export function browsersOf(folder) {
  return processesOf(folder).filter(({ command }) => /^\S*chrom/i.test(command));
}

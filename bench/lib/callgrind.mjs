import { execFileSync } from 'node:child_process';

/** "bridge::cdp::read_command" of "/x/cdp/envelope.cpp:bridge::cdp::read_command(std::string_view, int)'2 [/x/bctrl-bridge]". */
function nameOf(text) {
  const name = text.replace(/ \[[^\]]*\]$/, '').replace(/^[^:]*:(?!:)/, '').replace(/'\d+$/, '');
  let [out, depth] = ['', 0];
  for (const c of name) {
    if (c === '<' || c === '(') ++depth;
    if (depth === 0) out += c;
    if (c === '>' || c === ')') --depth;
  }
  return out.replace(/^(unsigned|bool|void|std::\S+|boost::\S+) /, '').trim();
}

/** Instructions of each function itself, of a file that callgrind has written: a Map by short name. */
export function readFunctions(file) {
  const text = execFileSync('callgrind_annotate', ['--threshold=100', '--auto=no', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const out = new Map();
  for (const [, count, name] of text.matchAll(/^ *([\d,]+)(?: \( *[\d.]+%\))? +(\S.*)$/gm)) {
    if (name === 'PROGRAM TOTALS') continue;
    const short = nameOf(name);
    out.set(short, (out.get(short) ?? 0) + Number(count.replaceAll(',', '')));
  }
  return out;
}

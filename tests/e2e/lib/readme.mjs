// What README.md promises, as commands: fenced blocks, each with a comment above it that says how it is to be run.
//   <!-- run -->                 sh, while the daemon runs
//   <!-- run: playwright -->     an ES module; so is puppeteer
//   <!-- no run: the reason -->  not run, and why
// YAML blocks that are whole configurations are checked without a comment.

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
const MARK = /<!-- (run|no run)(?:: (.+?))? -->\n$/;

/** [{line, language, text, mark, detail}] of every block that could be run. */
export function blocksOf(markdown) {
  const blocks = [];
  for (const found of markdown.matchAll(FENCE)) {
    const [, language, text] = found;
    if (!['sh', 'js', 'yaml'].includes(language)) continue;
    const before = markdown.slice(0, found.index);
    const [, mark, detail] = MARK.exec(before) ?? [];
    blocks.push({ line: before.split('\n').length, language, text, mark, detail });
  }
  return blocks;
}

/** What is wrong with a block's comment; undefined when nothing is. */
export function complaintAbout({ line, language, text, mark, detail }) {
  if (language === 'yaml') return undefined;
  if (mark === undefined) return `line ${line}: a ${language} block without a run or no-run comment above it`;
  if (mark === 'no run') return detail ? undefined : `line ${line}: a block that is not run without a reason`;
  const expected = language === 'sh' ? [undefined] : ['playwright', 'puppeteer'];
  if (!expected.includes(detail)) return `line ${line}: a ${language} block cannot be run as "${detail}"`;
  return text.trim() === '' ? `line ${line}: an empty block` : undefined;
}

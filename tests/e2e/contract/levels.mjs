import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// What the local backend does of each operation; kept beside its code.

const FILE = join(import.meta.dirname, '../../../local/contract/coverage.json');

/** operationId -> {level: "full" | "reduced" | "refused", note?, absent?}; absent: the backend does not have it yet. */
export const levels = JSON.parse(readFileSync(FILE, 'utf8'));

/** For node:test: an operation that is known to be missing is shown as such and fails nothing yet. */
export function pending(id) {
  return { todo: levels[id]?.absent === true && 'the backend does not have it yet' };
}

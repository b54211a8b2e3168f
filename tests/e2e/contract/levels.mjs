import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// What the local backend does of each operation; kept beside its code.

const FILE = join(import.meta.dirname, '../../../local/contract/coverage.json');

/** operationId -> {level: "full" | "reduced" | "refused", note?}. */
export const levels = JSON.parse(readFileSync(FILE, 'utf8'));

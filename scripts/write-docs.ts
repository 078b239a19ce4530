/** Part of `npm run generate`: .env.example, docs/kinds.md, and the tables of the README that follow from the code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/package-root.ts';
import { envExample } from './env-example.ts';
import { kindsDoc } from './kinds-doc.ts';
import { withTables } from './readme-tables.ts';

writeFileSync(join(packageRoot, '.env.example'), envExample());
writeFileSync(join(packageRoot, 'docs', 'kinds.md'), kindsDoc());
const readme = join(packageRoot, 'README.md');
writeFileSync(readme, withTables(readFileSync(readme, 'utf8')));

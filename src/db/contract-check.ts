import pg from 'pg';
import { idDiagnoses, shapeProblems } from './contract.ts';
import type { Diagnosis } from './contract.ts';
import { indexDiagnoses } from './contract-access.ts';
import { dataDiagnoses } from './contract-data.ts';
import { lockDiagnoses } from './contract-locks.ts';
import { referenceDiagnoses } from './contract-references.ts';

/**
 * Whether the contract of this database can be trusted with deletion: its shape, its locks (tried), its indexes,
 * what its deletions leave behind, its data. Changes nothing.
 *
 * @param databaseUrl as `DATABASE_URL`: what the worker may do is what counts
 * @param migrate the command that applies the contract when it is mended
 */
export async function checkContract(databaseUrl: string, migrate: string): Promise<Diagnosis[]> {
  const [first, second] = [connection(databaseUrl), connection(databaseUrl)];
  try {
    await Promise.all([first.connect(), second.connect()]);
    const problems = await shapeProblems(first, migrate);
    // the rest asks what is missing here, and would only say so again
    if (problems.length > 0) return problems;
    return [
      { level: 'ok', about: 'evenfall.app_*', message: 'all views, columns and functions are there' },
      ...(await idDiagnoses(first, migrate)),
      ...(await lockDiagnoses(first, second)),
      ...(await indexDiagnoses(first, migrate)),
      ...(await referenceDiagnoses(first, migrate)),
      ...(await dataDiagnoses(first)),
    ];
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
}

function connection(databaseUrl: string): pg.Client {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'evenfall doctor',
    options: '-c TimeZone=UTC -c lock_timeout=5000',
    connectionTimeoutMillis: 5_000,
  });
  // a connection that breaks is heard of by the statement that fails
  client.on('error', () => {});
  return client;
}

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HostError, messageOf } from "@executor-host/proto/shared/error";

/** Version of the schema below. A newer file than this build knows is refused, an older one is migrated step by step. */
const migrations: readonly string[] = [
  `CREATE TABLE host (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE executions (
     number      INTEGER PRIMARY KEY,
     id          TEXT NOT NULL UNIQUE,
     digest      TEXT NOT NULL,
     executor    TEXT NOT NULL,
     job_name    TEXT NOT NULL,
     state       TEXT NOT NULL,
     outcome     TEXT,
     accepted_ms REAL NOT NULL,
     finished_ms REAL,
     body        TEXT NOT NULL,
     log_head    BLOB,
     log_tail    BLOB,
     log_dropped TEXT,
     log_bytes   INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX executions_unfinished ON executions (state) WHERE state <> 'FINISHED';
   CREATE INDEX executions_finished ON executions (finished_ms) WHERE finished_ms IS NOT NULL;`,
  `UPDATE executions SET body = json_set(body, '$.spec.queueing', json(
     '{"priority":0,"fairnessKey":"","concurrencyKey":"","maxConcurrent":1,"whenBusy":"QUEUE"}'))`,
  `UPDATE executions SET body = json_set(body, '$.limits', json_extract(body, '$.spec.limits'))`,
];

/** Only one process may have the file; the kernel gives the lock back when that process dies, however it dies. */
const pragmas = [
  "PRAGMA locking_mode = EXCLUSIVE",
  "PRAGMA journal_mode = WAL",
  "PRAGMA foreign_keys = ON",
  "PRAGMA wal_autocheckpoint = 4000",
];

type Change = () => void;

interface Pending extends PromiseWithResolvers<void> {
  readonly change: Change;
}

/**
 * The journal's SQLite file.
 *
 * Changes are committed in groups: everything asked for in one turn of the event loop is one transaction. A change is durable when its
 * promise resolves: against a killed host always, against power loss with `sync: "full"`.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  /** By what they change. */
  #pending = new Map<unknown, Pending>();

  /** @throws {HostError} `STATE_LOCKED` when another host uses the file, `JOURNAL_FAILED` when it cannot be used */
  constructor(path: string, sync: "normal" | "full") {
    try {
      this.#db = new DatabaseSync(path);
      for (const pragma of [...pragmas, `PRAGMA synchronous = ${sync}`]) this.#db.exec(pragma);
      this.#migrate(path);
      this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#db.prepare("COMMIT");
    } catch (error) {
      throw openingError(error, path);
    }
  }

  get isClosed(): boolean {
    return !this.#db.isOpen;
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /**
   * Make a change durable together with all others of this turn.
   *
   * @param subject of several changes with the same subject in a turn only the first is made: it writes what is so at the end of the turn
   */
  write(change: Change, subject: unknown = change): Promise<void> {
    let pending = this.#pending.get(subject);
    if (pending === undefined) {
      if (this.#pending.size === 0) setImmediate(() => this.flush());
      pending = { change, ...Promise.withResolvers<void>() };
      this.#pending.set(subject, pending);
    }
    return pending.promise;
  }

  /** Commit what is pending now. */
  flush(): void {
    if (this.#pending.size === 0) return;
    const group = [...this.#pending.values()];
    this.#pending = new Map();
    const done: Pending[] = [];
    try {
      this.#begin.run();
      for (const pending of group) {
        try {
          pending.change();
          done.push(pending);
        } catch (error) {
          if (!this.#db.isTransaction) throw error;
          pending.reject(journalError(error));
        }
      }
      this.#commit.run();
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec("ROLLBACK");
      for (const pending of group) pending.reject(journalError(error));
      return;
    }
    for (const pending of done) pending.resolve();
  }

  close(): void {
    this.flush();
    this.#db.close();
  }

  #migrate(path: string): void {
    const { user_version: version } = this.#db.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > migrations.length) {
      throw new HostError("JOURNAL_FAILED", `cannot use the journal ${path}: it was written by a newer version`, {
        hint: "start the newer version, or point state-dir elsewhere",
        retryable: false,
      });
    }
    this.#db.exec("BEGIN IMMEDIATE");
    for (const migration of migrations.slice(version)) this.#db.exec(migration);
    this.#db.exec(`PRAGMA user_version = ${migrations.length}`);
    this.#db.exec("COMMIT");
  }
}

function openingError(error: unknown, path: string): Error {
  if (error instanceof HostError) return error;
  if (messageOf(error).includes("locked")) {
    return new HostError("STATE_LOCKED", `cannot use the journal ${path}: another host is using it`, {
      hint: "stop the other host, or give this one its own state-dir",
      cause: error,
    });
  }
  return new HostError("JOURNAL_FAILED", `cannot use the journal ${path}: ${messageOf(error)}`, {
    hint: "check that the directory is writable and has free space",
    cause: error,
  });
}

function journalError(error: unknown): HostError {
  return new HostError("JOURNAL_FAILED", `cannot write to the journal: ${messageOf(error)}`, {
    hint: "check the free space of state-dir",
    cause: error,
  });
}

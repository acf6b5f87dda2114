import { randomUUID } from "node:crypto";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { Execution, Outcome, State } from "../model/model.ts";
import { makeDirectory } from "../settings/make-directory.ts";
import { Database } from "./database.ts";
import { EventLog, type LogParts } from "./event-log.ts";
import type { Contents } from "./contents.ts";

export interface JournalOptions {
  readonly stateDir: string;
  /** `normal` survives a killed host, `full` also power loss. */
  readonly sync: "normal" | "full";
}

/** An execution as the journal holds it. */
export interface Entry {
  /** Rises with every accepted execution. */
  readonly number: number;
  /** Digest of what was asked for, for telling a repeat from a conflict. */
  readonly digest: string;
  readonly execution: Execution;
}

/** What changes of an execution. */
export interface Current {
  readonly execution: Execution;
  readonly log: LogParts;
}

export interface ListQuery {
  readonly limit: number;
  /** Only entries with a smaller number. */
  readonly before?: number | undefined;
  readonly states: readonly State[];
  readonly outcomes: readonly Outcome[];
  readonly executor: string;
  readonly jobName: string;
  /** All of these, with these values. */
  readonly labels: Readonly<Record<string, string>>;
  /** Entries whose state and outcome the caller knows better than the rows: all of these, and those of them that match. By number. */
  readonly current?: { readonly all: readonly number[]; readonly matching: readonly number[] };
}

interface Row {
  number: number;
  digest: string;
  body: string;
  log_head: Uint8Array | null;
  log_tail: Uint8Array | null;
  log_dropped: string | null;
}

/**
 * What survives a crash of the host: executions in SQLite, the bulk of their events in files beside it.
 *
 * Knows nothing of queues, executors or limits.
 */
export class Journal implements AsyncDisposable {
  readonly #outputDir: string;
  readonly #database: Database;
  readonly #statements;
  #lastNumber: number;
  /** Names this state directory's hosts, across restarts; processes are marked with it. */
  readonly instanceId: string;
  /** The host before this one did not stop in order: what it had started may still run. */
  readonly wasAbandoned: boolean;

  private constructor(outputDir: string, database: Database) {
    this.#outputDir = outputDir;
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#lastNumber = (this.#statements.lastNumber.get() as { last: number | null }).last ?? 0;
    this.instanceId = this.#instanceId();
    this.wasAbandoned = this.#statements.insertHost.run("running", "").changes === 0;
  }

  /** @throws {HostError} `SETTINGS_INVALID`, `STATE_LOCKED`, `JOURNAL_FAILED` */
  static async open(options: JournalOptions): Promise<Journal> {
    const outputDir = join(options.stateDir, "output");
    await makeDirectory(outputDir, "state-dir");
    await chmod(options.stateDir, 0o700).catch((cause: unknown) => {
      const message = `cannot keep state-dir ${options.stateDir} from other users: ${messageOf(cause)}`;
      throw new HostError("SETTINGS_INVALID", message, { hint: "choose one of this user's with --state-dir", cause });
    });
    return new Journal(outputDir, new Database(join(options.stateDir, "journal.sqlite"), options.sync));
  }

  /** Nothing can be written any more. */
  get isClosed(): boolean {
    return this.#database.isClosed;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Where the files of an execution's log are. */
  logPath(number: number): string {
    return join(this.#outputDir, String(number));
  }

  /** Durable when resolved. */
  insert(entry: Entry, log: LogParts): Promise<void> {
    const { execution } = entry;
    return this.#database.write(() => {
      this.#statements.insert.run(
        entry.number,
        execution.spec.id,
        entry.digest,
        execution.spec.executor,
        execution.spec.jobName,
        execution.state,
        execution.acceptedMs,
        JSON.stringify(execution),
        log.inline,
      );
    });
  }

  /** Durable when resolved, as it is at the end of this turn. */
  update(number: number, current: () => Current): Promise<void> {
    return this.#database.write(() => {
      const { execution, log } = current();
      this.#statements.update.run(
        execution.state,
        execution.result?.outcome ?? null,
        execution.finishedMs ?? null,
        JSON.stringify(execution),
        log.inline,
        log.tail.length === 0 ? null : log.tail,
        log.dropped === undefined ? null : JSON.stringify(log.dropped),
        log.bytes,
        number,
      );
    }, number);
  }

  find(id: string): Entry | undefined {
    const row = this.#statements.find.get(id) as Row | undefined;
    return row && toEntry(row);
  }

  /** Newest first. */
  list(query: ListQuery): Entry[] {
    const rows = this.#statements.list.all(
      query.before ?? Number.MAX_SAFE_INTEGER,
      query.executor,
      query.executor,
      query.jobName,
      query.jobName,
      JSON.stringify(query.labels),
      JSON.stringify(query.current?.matching ?? []),
      JSON.stringify(query.current?.all ?? []),
      JSON.stringify(query.states),
      query.states.length,
      JSON.stringify(query.outcomes),
      query.outcomes.length,
      query.limit,
    );
    return (rows as unknown as Row[]).map(toEntry);
  }

  /** What an earlier host left unfinished, oldest first. */
  unfinished(): Entry[] {
    return (this.#statements.unfinished.all() as unknown as Row[]).map(toEntry);
  }

  /** The stored log of a finished execution. */
  async openLog(id: string): Promise<EventLog | undefined> {
    const row = this.#statements.find.get(id) as Row | undefined;
    return row && EventLog.stored(this.logPath(row.number), partsOf(row));
  }

  /** Have a new log go on after what an earlier host has stored of it. @throws {Error} */
  async continueLog(id: string, log: EventLog): Promise<void> {
    const row = this.#statements.find.get(id) as Row | undefined;
    if (row !== undefined) await log.continueAfter(partsOf(row));
  }

  /**
   * Forget finished executions: those that ended before `beforeMs`, and the oldest ones as long as all logs together exceed `maxBytes`.
   *
   * @returns how many were forgotten
   */
  async prune(beforeMs: number, maxBytes: number): Promise<number> {
    let { total } = this.#statements.totalBytes.get() as { total: number };
    let removed = 0;
    for (const row of this.#statements.oldest.all() as { number: number; finished_ms: number; log_bytes: number }[]) {
      if (row.finished_ms >= beforeMs && total <= maxBytes) break;
      await EventLog.remove(this.logPath(row.number));
      await this.#database.write(() => this.#statements.remove.run(row.number));
      total -= row.log_bytes;
      removed++;
    }
    return removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.write(() => this.#statements.removeHost.run("running")).catch(() => undefined);
    this.#database.close();
  }

  #instanceId(): string {
    this.#statements.insertHost.run("instance", randomUUID());
    return (this.#statements.findHost.get("instance") as { value: string }).value;
  }
}

function prepareAll(database: Database) {
  const columns = "number, digest, body, log_head, log_tail, log_dropped";
  return {
    lastNumber: database.prepare("SELECT max(number) AS last FROM executions"),
    insertHost: database.prepare("INSERT INTO host VALUES (?, ?) ON CONFLICT DO NOTHING"),
    removeHost: database.prepare("DELETE FROM host WHERE key = ?"),
    findHost: database.prepare("SELECT value FROM host WHERE key = ?"),
    insert: database.prepare(
      `INSERT INTO executions (number, id, digest, executor, job_name, state, accepted_ms, body, log_head)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    update: database.prepare(
      `UPDATE executions SET state = ?, outcome = ?, finished_ms = ?, body = ?, log_head = ?, log_tail = ?, log_dropped = ?, log_bytes = ?
       WHERE number = ?`,
    ),
    find: database.prepare(`SELECT ${columns} FROM executions WHERE id = ?`),
    list: database.prepare(
      `SELECT ${columns} FROM executions
       WHERE number < ? AND (? = '' OR executor = ?) AND (? = '' OR job_name = ?)
         AND NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted
                         WHERE wanted.value IS NOT (SELECT label.value FROM json_each(body, '$.spec.labels') AS label
                                                    WHERE label.key = wanted.key))
         AND (number IN (SELECT value FROM json_each(?))
              OR number NOT IN (SELECT value FROM json_each(?))
              AND (state IN (SELECT value FROM json_each(?)) OR ? = 0)
              AND (outcome IN (SELECT value FROM json_each(?)) OR ? = 0))
       ORDER BY number DESC LIMIT ?`,
    ),
    unfinished: database.prepare(`SELECT ${columns} FROM executions WHERE state <> 'FINISHED' ORDER BY number`),
    totalBytes: database.prepare("SELECT coalesce(sum(log_bytes), 0) AS total FROM executions"),
    oldest: database.prepare(
      "SELECT number, finished_ms, log_bytes FROM executions WHERE finished_ms IS NOT NULL ORDER BY finished_ms",
    ),
    remove: database.prepare("DELETE FROM executions WHERE number = ?"),
  };
}

function partsOf(row: Row): Omit<LogParts, "bytes"> {
  return {
    inline: Buffer.from(row.log_head ?? []),
    tail: Buffer.from(row.log_tail ?? []),
    dropped: row.log_dropped === null ? undefined : (JSON.parse(row.log_dropped) as Contents),
  };
}

function toEntry(row: Row): Entry {
  return { number: row.number, digest: row.digest, execution: JSON.parse(row.body) as Execution };
}

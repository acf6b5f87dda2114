import assert from "node:assert/strict";
import type { Event } from "../../host/client/types.ts";
import type { Result, State } from "../../host/model/model.ts";

/** Everything a watcher saw of one execution. */
export interface Collected {
  readonly events: readonly Event[];
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly states: readonly State[];
  readonly result: Result;
}

/** Read a stream of events to its end, and check what is promised of every one: from 1 without gaps, and exactly one result, last. */
export async function collect(stream: AsyncIterable<Event>): Promise<Collected> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return collected(events);
}

/** As `collect`, for events that were gathered otherwise. @param first the sequence number they should start with */
export function collected(events: readonly Event[], first = 1): Collected {
  assertContiguous(events, first);
  const results = events.filter((event) => event.type === "result");
  assert.equal(results.length, 1, `one result among ${events.map((event) => event.type).join(" ")}`);
  const last = events.at(-1);
  assert(last?.type === "result", "the result is the last event");
  return {
    events,
    stdout: outputOf(events, "stdout"),
    stderr: outputOf(events, "stderr"),
    states: events.flatMap((event) => (event.type === "state" ? [event.state] : [])),
    result: last.result,
  };
}

/** Sequence numbers rise by one; a stretch that was dropped is told by one event that spans it. */
export function assertContiguous(events: readonly Event[], first = 1): void {
  let expected = first;
  for (const event of events) {
    const start = event.type === "outputDropped" ? event.firstSequence : event.sequence;
    assert.equal(start, expected, `sequence of "${event.type}"`);
    expected = (event.type === "outputDropped" ? event.lastSequence : event.sequence) + 1;
  }
}

export function outputOf(events: readonly Event[], channel: "stdout" | "stderr"): Buffer {
  return Buffer.concat(
    events.flatMap((event) => (event.type === "output" && event.channel === channel ? [event.data] : [])),
  );
}

/** Read until an event fits; the stream stays open. */
export async function until(
  stream: AsyncIterator<Event, undefined>,
  fits: (event: Event) => boolean,
): Promise<readonly Event[]> {
  const events: Event[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.done === true) throw new Error(`the stream ended before that: ${JSON.stringify(events.at(-1))}`);
    events.push(next.value);
    if (fits(next.value)) return events;
  }
}

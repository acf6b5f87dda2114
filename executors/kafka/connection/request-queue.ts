import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

/** Set on the class once it has been mended. */
const mended = Symbol("mended");

/**
 * Keep connections of the client library from looking a thousand times a second whether something waits to be sent, for ever: it sets that timer also
 * when nothing waits (kafkajs 2.2.4). What it does when something does is right. Once per process is enough, more does no harm.
 */
export function mendRequestQueue(): void {
  const queue = RequestQueue.prototype;
  if (Object.hasOwn(queue, mended)) return;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  Object.defineProperty(queue, mended, { value: true });
}

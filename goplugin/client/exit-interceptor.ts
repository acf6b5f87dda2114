import {
  connectivityState,
  InterceptingCall,
  status,
  type Channel,
  type Interceptor,
  type NextCall,
  type StatusObject,
} from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import { toStatus } from "@executor-host/proto/shared/status";
import { timeouts } from "../protocol/defaults.ts";
import { settledWithin } from "../protocol/wait.ts";
import { lastWords } from "./last-words.ts";
import { describeExit, type PluginExit } from "./plugin-exit.ts";
import type { ProcessHandle } from "./process-handle.ts";

type Call = ReturnType<NextCall>;

/** What a connection that broke under a call looks like. */
const linkFailures: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL]);

/**
 * Lets every call end with the process: with `PLUGIN_EXITED` and how it ended, in place of "connection dropped".
 *
 * The connection breaks a moment before the exit event, so such a failure is held back: until the exit is known, or until it is clear that
 * the connection is well and the plugin itself answered so. What the caller cancelled is not held back. A call whose connection somebody
 * else keeps open is ended, too.
 */
export function exitInterceptor(child: ProcessHandle, channel: Channel): Interceptor {
  const running = new Set<Call>();
  void child.ended.then(() => {
    for (const call of running) call.cancelWithStatus(status.UNAVAILABLE, "plugin process ended");
  });
  const explainFailure = (result: StatusObject): Promise<StatusObject> => explain(child, channel, result);
  return (options, nextCall) =>
    child.hasExited ? failedCall(child) : watchedCall(nextCall(options), running, explainFailure);
}

/** How a process ended, as the error that whoever used it should see. */
function exitedError(exit: PluginExit): HostError {
  if (exit.expected) return new HostError("PLUGIN_EXITED", `plugin process ${describeExit(exit)}: ${exit.reason}`);
  const words = lastWords(exit.stderrTail);
  const told = words === "" ? "" : `; stderr ended with:\n${words}`;
  return new HostError("PLUGIN_EXITED", `plugin process ${describeExit(exit)}${told}`);
}

function watchedCall(
  call: Call,
  running: Set<Call>,
  explainFailure: (result: StatusObject) => Promise<StatusObject>,
): InterceptingCall {
  let cancelledHere = false;
  return new InterceptingCall(call, {
    start(metadata, _listener, next) {
      running.add(call);
      next(metadata, {
        onReceiveStatus(result, deliver) {
          running.delete(call);
          if (cancelledHere || !linkFailures.has(result.code)) deliver(result);
          else void explainFailure(result).then(deliver);
        },
      });
    },
    cancel(next) {
      cancelledHere = true;
      next();
    },
  });
}

/** A call on a process that is gone: it fails like one that the process did not survive. gRPC itself would throw. */
function failedCall(child: ProcessHandle): InterceptingCall {
  return new InterceptingCall({
    start(_metadata, listener) {
      void child.exited.then((exit) => listener?.onReceiveStatus?.(toStatus(exitedError(exit))));
    },
    cancelWithStatus: () => undefined,
    getPeer: () => "",
    sendMessageWithContext: () => undefined,
    sendMessage: () => undefined,
    startRead: () => undefined,
    halfClose: () => undefined,
    getAuthContext: () => null,
  });
}

async function explain(child: ProcessHandle, channel: Channel, result: StatusObject): Promise<StatusObject> {
  const noticed = Promise.race([child.ended, disconnection(channel)]);
  if (!(await settledWithin(noticed, timeouts.disconnectMs))) return result;
  if (!(await settledWithin(child.ended, timeouts.exitMs))) return result;
  return toStatus(exitedError(await child.exited));
}

/** Resolves when the channel is not connected. */
function disconnection(channel: Channel): Promise<void> {
  const { READY } = connectivityState;
  if (channel.getConnectivityState(false) !== READY) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  // Beyond the deadline nobody waits any more.
  channel.watchConnectivityState(READY, Date.now() + timeouts.disconnectMs, (error) => {
    if (error === undefined) resolve();
  });
  return promise;
}

import { lifelineNone, lifelineStdin } from "../protocol/environment.ts";
import { timeouts } from "../protocol/defaults.ts";

/**
 * Notice that the host is gone.
 *
 * With a lifeline, stdin is a pipe that the host holds and the kernel closes, however the host ends. Without one, the parent's id is
 * polled; that sees nothing where the parent was process 1 from the start. With `none`, nothing is watched.
 *
 * @param lifeline value of `EXECUTOR_HOST_LIFELINE`
 * @param onHostGone called at most once
 */
export function watchHost(lifeline: string | undefined, onHostGone: () => void): Disposable {
  if (lifeline === lifelineNone) return { [Symbol.dispose]: () => undefined };
  return lifeline === lifelineStdin ? watchStdin(onHostGone) : watchParent(onHostGone);
}

function watchStdin(onHostGone: () => void): Disposable {
  const { stdin } = process;
  const events = ["end", "close", "error"];
  const stop = (): void => {
    for (const event of events) stdin.off(event, onEnd);
    stdin.pause();
  };
  const onEnd = (): void => {
    stop();
    onHostGone();
  };
  for (const event of events) stdin.on(event, onEnd);
  stdin.resume();
  return { [Symbol.dispose]: stop };
}

function watchParent(onHostGone: () => void): Disposable {
  const parent = process.ppid;
  const stop = (): void => clearInterval(timer);
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    stop();
    onHostGone();
  }, timeouts.parentPollMs);
  timer.unref();
  return { [Symbol.dispose]: stop };
}

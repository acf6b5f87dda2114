import type { sendUnaryData } from "@grpc/grpc-js";
import { toStatus } from "@executor-host/proto/shared/status";

/** Answer a unary call with what `make` returns, or with the status of what it throws. Never rejects. */
export async function answer<T>(done: sendUnaryData<T>, make: () => T | Promise<T>): Promise<void> {
  let value: T;
  try {
    value = await make();
  } catch (error) {
    done(toStatus(error));
    return;
  }
  done(null, value);
}

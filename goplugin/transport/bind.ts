import { randomInt } from "node:crypto";
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { HostError } from "@executor-host/proto/shared/error";
import { isAddressProblem, parseAddress, type Address } from "../protocol/address.ts";

/** A user and group of the system, by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where and how one side opens its listeners. */
export type ListenPlace =
  | {
      readonly network: "unix";
      /** Sockets are made in here, with mode 0600. */
      readonly directory: string;
      /** Sockets are given to this group, with mode 0660. */
      readonly groupId?: number | undefined;
      /** Sockets are given to this user. */
      readonly owner?: Owner | undefined;
    }
  | {
      readonly network: "tcp";
      /** The first free port of this range on the loopback interface is taken; 0 means any. */
      readonly minPort: number;
      readonly maxPort: number;
    };

/** What is to listen. Both methods reject when it cannot. */
export interface Binder {
  bindSocket(path: string): Promise<void>;
  /** @returns the port, which is another one than asked for when that was 0 */
  bindPort(host: string, port: number): Promise<number>;
}

/**
 * Let something listen at a place.
 *
 * @throws {HostError} `ADDRESS_INVALID` when the socket path is too long, `LISTEN_FAILED` when no port is free
 * @throws what the binder throws
 */
export function bindAt(place: ListenPlace, binder: Binder): Promise<Address> {
  return place.network === "unix" ? bindSocket(place, binder) : bindPort(place, binder);
}

async function bindSocket(place: Extract<ListenPlace, { network: "unix" }>, binder: Binder): Promise<Address> {
  const address = parseAddress("unix", join(place.directory, `plugin${randomInt(2 ** 32)}`));
  if (isAddressProblem(address)) throw new HostError("ADDRESS_INVALID", address.problem, { hint: address.hint });
  if (address.network !== "unix") throw new TypeError("a unix address has a path");
  await binder.bindSocket(address.path);
  if (place.groupId === undefined) {
    chmodSync(address.path, 0o600);
  } else {
    chownSync(address.path, -1, place.groupId);
    chmodSync(address.path, 0o660);
  }
  if (place.owner !== undefined) chownSync(address.path, place.owner.uid, place.owner.gid);
  return address;
}

async function bindPort(place: Extract<ListenPlace, { network: "tcp" }>, binder: Binder): Promise<Address> {
  const host = "127.0.0.1";
  let cause: unknown;
  for (let candidate = place.minPort; candidate <= place.maxPort; candidate++) {
    try {
      return { network: "tcp", host, port: await binder.bindPort(host, candidate) };
    } catch (error) {
      cause = error;
    }
  }
  throw new HostError("LISTEN_FAILED", `no free port from ${place.minPort} to ${place.maxPort}`, { cause });
}

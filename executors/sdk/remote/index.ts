/** What executors have in common that work at a remote system: connections, TLS, time limits, failures. */
export { messageOf } from "@executor-host/proto/shared/error";
export { abortable, pause } from "./abortable.ts";
export { connectFailure, connectFailureCodes } from "./connect-failure.ts";
export { ConnectionPool, type PooledConnection, type PoolLease } from "./connection-pool.ts";
export { failuresOf, RemoteFailure, reportOfThrown, type FailureKind } from "./failure.ts";
export { debugField, oneAtMost, parseBase64, parseHeaderList, parseJsonText, word, type Header } from "./fields.ts";
export { readNamedFile, readNamedLines } from "./file.ts";
export { isGrpcAlive } from "./grpc-alive.ts";
export { grpcConnectFailure } from "./grpc-connect-failure.ts";
export { isHostLost, stopRequestOf } from "./host-loss.ts";
export { certificateProblem, pairProblem, type Pem, type PemProblem } from "./pem.ts";
export { limited, showMs } from "./time-limit.ts";
export { checkTls, readTls, tlsFields, tlsKeysSet, type TlsMaterial } from "./tls.ts";
export { traceHeaders } from "./trace-context.ts";
export { withGrace } from "./with-grace.ts";
export { carryOut, trace, type Work } from "./work.ts";

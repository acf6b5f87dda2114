/** The protocol in parts, for programs that play host step by step, such as test kits. Hosts use `client`. */
export { diagnose } from "./client/diagnosis.ts";
export { linkClient, unaryCall, type ClientConstructor } from "./client/grpc-call.ts";
export { isAddressProblem, parseAddress, type Address } from "./protocol/address.ts";
export { lifelineStdin, lifelineVariable, scrubEnvironment, variables } from "./protocol/environment.ts";
export { parseHandshake, type Handshake } from "./protocol/handshake.ts";
export { formatVersionList } from "./protocol/versions.ts";
export { createCredentials, type LinkCredentials } from "./tls/credentials.ts";
export { createIdentity, toPem, type Identity } from "./tls/identity.ts";
export { openChannel } from "./transport/channel.ts";
export { listen, type Listener } from "./transport/listen.ts";

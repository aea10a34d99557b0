// One TypeScript client, driven over standard input and output: a JSON object a line each way.
// argv: the package's generation (1 or 2), the mode (legacy or auto), whether it opens links (links or plain), URL, token.
import { createInterface } from "node:readline";

const [generation, mode, links, url, token] = process.argv.slice(2);
const one = generation === "1";
const { Client } = await import(
  one ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client"
);
const { StreamableHTTPClientTransport } = await import(
  one ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client"
);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const heard = async () => JSON.parse((await lines.next()).value);

const capabilities = links === "links" ? { elicitation: { url: {} } } : {};
const changed = { tools: { onChanged: () => say({ event: "tools changed" }) } };
const client = new Client(
  { name: "journey", version: "1.0.0" },
  { capabilities, listChanged: changed, ...(one ? {} : { versionNegotiation: { mode } }) },
);
client.onerror = () => {};
if (links === "links") {
  const method = one
    ? (await import("@modelcontextprotocol/sdk/types.js")).ElicitRequestSchema
    : "elicitation/create";
  client.setRequestHandler(method, async (request) => {
    say({ event: "link", url: request.params.url, message: request.params.message });
    return { action: (await heard()).action };
  });
}
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${token}` } },
});
await client.connect(transport);
const { tools } = await client.listTools();
say({ event: "ready", tools: tools.map((tool) => tool.name) });
for (;;) {
  const { name, arguments: given } = await heard();
  if (!name) break;
  try {
    const result = await client.callTool({ name, arguments: given });
    say({ event: "result", result });
  } catch (error) {
    say({ event: "error", code: error.code, data: error.data ?? null, message: String(error.message) });
  }
}
await client.close();
process.exit(0);

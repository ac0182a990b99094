// Follows the feed of events with a real client; prints one JSON line for each event.
//   node follow.mjs ws|sse URL COUNT [AFTER] [AUTHORIZATION]
// It goes on from the last cursor, however often the connection breaks, and ends after
// COUNT events.
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [transport, url, count, after, authorization] = process.argv.slice(2);
const query = `subscription Follow($after: String) {
  events(after: $after) { cursor event { __typename id position } }
}`;

function connect() {
  if (transport === "ws") {
    return createWs({
      url: url.replace(/^http/, "ws"),
      webSocketImpl: WebSocket,
      connectionParams: authorization ? { authorization } : {},
      lazy: true,
      retryAttempts: 0,
    });
  }
  return createSse({
    url,
    headers: authorization ? { authorization } : {},
    retryAttempts: 0,
  });
}

let cursor = after || null;
let left = Number(count);
while (left > 0) {
  const client = connect();
  try {
    for await (const result of client.iterate({ query, variables: { after: cursor } })) {
      if (result.errors) throw new Error(JSON.stringify(result.errors));
      const delivery = result.data.events;
      cursor = delivery.cursor;
      console.log(JSON.stringify({ ...delivery.event, cursor }));
      if (--left === 0) break;
    }
  } catch (broken) {
    console.error(String(broken?.message ?? broken?.reason ?? broken));
    await new Promise((resolve) => setTimeout(resolve, 100));
  } finally {
    await client.dispose();
  }
}
process.exit(0);

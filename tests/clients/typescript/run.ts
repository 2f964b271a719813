// A company's program, on nothing but the published document: every call below is typed by it.
import assert from "node:assert/strict";
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./partner.js";

type Schemas = components["schemas"];

interface Given {
  url: string;
  clientId: string;
  keyId: string;
  privateKey: string;
  communities: string[];
  phones: string[];
  home: Schemas["HomeName"];
  now: string;
}

const given = JSON.parse(process.env["COMPANY"] ?? "{}") as Given;
const began = performance.now();
const now = (minutes = 0) => new Date(Date.parse(given.now) + performance.now() - began + minutes * 60_000);

let token = "";
const api = createClient<paths>({ baseUrl: given.url });
api.use({
  onRequest({ request }) {
    if (token !== "") request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

// RFC 7523, EdDSA.
function assertion(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const until = Math.floor(now(1).getTime() / 1000);
  const signed = [
    part({ alg: "EdDSA", kid: given.keyId }),
    part({
      iss: given.clientId,
      sub: given.clientId,
      aud: `${given.url}/partner/v1/token`,
      jti: randomUUID(),
      exp: until,
    }),
  ].join(".");
  return `${signed}.${sign(null, Buffer.from(signed), createPrivateKey(given.privateKey)).toString("base64url")}`;
}

function form(body: object): string {
  return new URLSearchParams(body as Record<string, string>).toString();
}

async function login(): Promise<void> {
  const { data, error } = await api.POST("/partner/v1/token", {
    body: {
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion(),
      scope: "couriers:write shifts:write deliveries:write",
    },
    bodySerializer: form,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  assert.ok(data, JSON.stringify(error));
  assert.equal(data.token_type, "Bearer");
  token = data.access_token;
}

function lines<Line>(text: string): Line[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

async function nameAll(): Promise<void> {
  const workers = given.phones.map((phone, index) => JSON.stringify({ worker_id: `W-${index + 1}`, phone }));
  const { data, response } = await api.POST("/partner/v1/couriers/bulk", {
    body: [...workers, JSON.stringify({ worker_id: "W-0", phone: "000" })].join("\n"),
    bodySerializer: (body) => String(body),
    headers: { "Content-Type": "application/x-ndjson" },
    parseAs: "text",
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("RateLimit") ?? "", /^"client";r=\d+;t=\d+$/);
  const answers = lines<Schemas["CourierLine"]>(String(data));
  assert.deepEqual(
    answers.map((line) => line.state ?? line.problem?.code ?? line.end?.refused),
    [...given.phones.map(() => "pending"), "phone-invalid", 1],
  );
}

async function allCommunities(): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 1 } : { limit: 1, cursor };
    const { data, error }: { data?: Schemas["AdmissionList"]; error?: unknown } = await api.GET(
      "/partner/v1/communities",
      { params: { query } },
    );
    assert.ok(data, JSON.stringify(error));
    assert.ok(data.communities.length <= 1);
    found.push(...data.communities.map((one) => one.community_id));
    cursor = data.next_cursor;
  } while (cursor !== null);
  return found;
}

async function shifts(): Promise<void> {
  const body: Schemas["NewShift"] = {
    worker_id: "W-1",
    community_id: given.communities[0] ?? "",
    starts_at: now(60).toISOString(),
    ends_at: now(120).toISOString(),
  };
  const key = randomUUID();
  const made: Schemas["Shift"][] = [];
  for (const _ of [1, 2]) {
    const { data, error } = await api.POST("/partner/v1/shifts", {
      body,
      params: { header: { "Idempotency-Key": key } },
    });
    assert.ok(data, JSON.stringify(error));
    assert.equal(data.state, "waiting");
    made.push(data);
  }
  assert.deepEqual(made[0], made[1]);
  const shift_id = made[0]?.shift_id ?? "";
  const ended = await api.DELETE("/partner/v1/shifts/{shift_id}", { params: { path: { shift_id } } });
  assert.equal(ended.response.status, 204);
}

async function deliveries(): Promise<void> {
  const body: Schemas["NewDelivery"] = {
    order_ref: "O-1",
    worker_id: "W-1",
    community_id: given.communities[0] ?? "",
    valid_from: now(5).toISOString(),
    valid_until: now(65).toISOString(),
    home: given.home,
  };
  const { data, error } = await api.POST("/partner/v1/deliveries", { body });
  assert.ok(data, JSON.stringify(error));
  assert.equal(data.order_ref, "O-1");
  const { delivery_id } = data;
  const ended = await api.DELETE("/partner/v1/deliveries/{delivery_id}", { params: { path: { delivery_id } } });
  assert.equal(ended.response.status, 204);
}

async function problems(): Promise<void> {
  const unknown = await api.GET("/partner/v1/couriers/{worker_id}", { params: { path: { worker_id: "W-99" } } });
  assert.equal(unknown.data, undefined);
  assert.equal(unknown.error?.code, "worker-not-found");
  assert.notEqual(unknown.error?.remedy, "");
  const known = await api.GET("/partner/v1/couriers/{worker_id}", { params: { path: { worker_id: "W-2" } } });
  assert.equal(known.data?.state, "pending");
  const let_go = await api.DELETE("/partner/v1/couriers/{worker_id}", { params: { path: { worker_id: "W-2" } } });
  assert.equal(let_go.response.status, 204);
  token = "none";
  const refused = await api.GET("/partner/v1/communities");
  assert.equal(refused.response.status, 401);
  assert.equal(refused.error?.code, "unauthorised");
}

await login();
await nameAll();
assert.deepEqual((await allCommunities()).sort(), [...given.communities].sort());
await shifts();
await deliveries();
await problems();
console.log("all done");

// One line in: policies, a schema and requests. One line out: what the official Cedar says to each of them. What a
// decision is (both principals, no error, the guards, the approvals that are missing) is written here a second time.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.cwd() + "/package.json");
const cedar = require("@cedar-policy/cedar-wasm/nodejs");

// a number that JavaScript would round stays whole
const whole = (key, value, { source }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? JSON.rawJSON(source) : value;

function told(answer, what) {
  if (answer.type !== "success") throw new Error(what + ": " + JSON.stringify(answer));
}

// one question: permitted or not, by which policies, with which errors; null where it does not fit the schema
function ask(question, entities, principal, context, schema) {
  const answer = cedar.statefulIsAuthorized({
    principal, action: question.action, resource: question.resource, context, entities,
    preparsedSchemaName: schema, validateRequest: true, preparsedPolicySetId: "all",
  });
  if (answer.type !== "success") return null;
  const { decision, diagnostics } = answer.response;
  return {
    allow: decision === "allow",
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map((one) => one.policyId).sort(),
  };
}

function judge(question, guards, schema) {
  const asked = (who, approvals, oldest, guarded) => {
    const context = { ...question.context, approvals: { ...approvals, oldestSeconds: oldest }, guarded };
    return ask(question, question.entities, who, context, schema);
  };
  const [agent, person] = question.principals;
  const both = (...situation) => [asked(agent, ...situation), asked(person, ...situation)];
  const sound = (one) => one.allow && one.errors.length === 0;
  const none = Object.fromEntries(Object.keys(question.held).map((role) => [role, 0]));
  const alone = both(none, 0, true);
  if (alone.includes(null)) return { fits: false };
  const guarded = alone.some((one) => one.reasons.some((name) => guards.includes(name)));
  const held = both(question.held, question.oldest, guarded);
  const permitted = held.every(sound);
  const permits = (vector) => {
    const situation = [{ ...none, ...vector }, 0, guarded];
    return sound(asked(agent, ...situation)) && sound(asked(person, ...situation));
  };
  const permitting = permitted ? [] : question.vectors.filter(permits);
  const within = (small, large) => Object.entries(small).every(([role, n]) => n <= (large[role] ?? 0));
  const needs = permitting.filter((one) => !permitting.some((other) => other !== one && within(other, one)));
  return { fits: true, permitted, held, needs };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, schema, guards, requests } = JSON.parse(line, whole);
  told(cedar.preparsePolicySet("all", { staticPolicies: policies }), "policies");
  told(cedar.preparseSchema("schema", schema), "schema");
  const found = requests.map((one) => {
    const said = judge(one, guards, "schema");
    if (one.approval) {
      const answer = ask(one.approval, one.approval.entities, one.approval.principal, one.approval.context, "schema");
      said.approval = answer && answer.allow && answer.errors.length === 0 ? answer.reasons : null;
    }
    return said;
  });
  process.stdout.write(JSON.stringify(found) + "\n");
}

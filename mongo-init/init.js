// Run by mongosh in the first member's network: makes the replica set, its users and the collections of schema.json, each
// only where it is not there yet, so that running it again is harmless. `python -m admin init` applies the same schema.json.
"use strict";
const fs = require("fs");

const members = process.env.MONGO_MEMBERS.split(",");
const replicaSet = process.env.MONGO_REPLICA_SET;
const database = process.env.MONGO_DATABASE;
const deadline = Date.now() + 120_000;

const AUTHENTICATION_FAILED = 18;
const UNAUTHORIZED = 13;
const NAMESPACE_EXISTS = 48;

const passwordOf = (user) => fs.readFileSync(`${process.env.MONGO_SECRETS_DIR}/${user}.password`, "utf8").trim();
const localhost = `mongodb://127.0.0.1:${members[0].split(":")[1]}/admin?directConnection=true&serverSelectionTimeoutMS=2000`;
const wholeSet =
  `mongodb://root:${passwordOf("root")}@${members.join(",")}/admin` +
  `?replicaSet=${replicaSet}&serverSelectionTimeoutMS=5000&w=majority`;

function eventually(what, attempt) {
  let last = "";
  while (Date.now() < deadline) {
    try {
      const result = attempt();
      if (result) return result;
    } catch (error) {
      if (error.code === UNAUTHORIZED) throw error;
      last = ` (${error.message})`;
    }
    sleep(500);
  }
  throw new Error(`waited two minutes in vain: ${what}${last}`);
}

function initiate(local) {
  if (local.hello().setName) return;
  // The first member leads where it can: the first user can be made through the leader only.
  const config = members.map((host, index) => ({ _id: index, host, priority: index === 0 ? 2 : 1 }));
  local.runCommand({ replSetInitiate: { _id: replicaSet, members: config } });
  print(`replica set ${replicaSet} initiated: ${members.join(", ")}`);
}

// Whether root was made before. Asked of this member alone, which knows its users once it is in the set.
function rootIsThere(local) {
  try {
    return local.auth("root", passwordOf("root")).ok === 1;
  } catch (error) {
    if (error.code !== AUTHENTICATION_FAILED) throw error;
    return false;
  }
}

// Until there is a user, MongoDB lets anybody on localhost make one; from then on it refuses.
function makeRoot(local) {
  eventually("the first member leads the replica set", () => local.hello().isWritablePrimary);
  if (rootIsThere(local)) return;
  try {
    local.createUser({ user: "root", pwd: passwordOf("root"), roles: ["root"] });
  } catch (error) {
    if (error.code !== UNAUTHORIZED) throw error;
    throw new Error("MongoDB's users are older than the passwords in the secrets volume: bring that volume back");
  }
  print("user root made");
}

function applyUser(admin) {
  const roles = ["readWrite", "dbAdmin"].map((role) => ({ role, db: database }));
  if (admin.getUser("packstats")) admin.updateUser("packstats", { pwd: passwordOf("packstats"), roles });
  else admin.createUser({ user: "packstats", pwd: passwordOf("packstats"), roles });
}

function createOnce(db, name) {
  try {
    db.createCollection(name);
  } catch (error) {
    if (error.code !== NAMESPACE_EXISTS) throw error;
  }
}

function applySchema(db) {
  const { collections } = JSON.parse(fs.readFileSync(`${__dirname}/schema.json`, "utf8"));
  for (const [name, { validator, indexes }] of Object.entries(collections)) {
    createOnce(db, name);
    db.runCommand({ collMod: name, validator });
    const wanted = indexes.map((index) => ({ ...index, key: Object.fromEntries(index.key) }));
    if (wanted.length > 0) db.runCommand({ createIndexes: name, indexes: wanted });
  }
  print(`collections of ${database}: ${Object.keys(collections).join(", ")}`);
}

const local = eventually("the first member answers", () => connect(localhost));
initiate(local);
if (!rootIsThere(local)) makeRoot(local);
const admin = eventually("the replica set has a leader", () => connect(wholeSet));
applyUser(admin);
applySchema(admin.getSiblingDB(database));

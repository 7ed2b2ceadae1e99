// Validates HTTPRoutes, given as a list of JSON, by the schemas of the Gateway API's own definitions; prints what is wrong.
// Its argument is a folder where npm has installed @kubernetes-models/gateway-api.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const models = `${process.argv[2]}/node_modules/@kubernetes-models/gateway-api`;
const { HTTPRoute } = await import(pathToFileURL(`${models}/gateway.networking.k8s.io/v1/index.js`));
for (const route of JSON.parse(fs.readFileSync(0))) {
  try {
    new HTTPRoute(route).validate();
  } catch (error) {
    console.log(`${route.metadata.name}: ${error.message}`);
  }
}

// A small API with Moesif's own Node SDK in it, in the framework that FRAMEWORK
// names: http, express4 or express5. Below /late bodies are parsed before the SDK
// sees the request, below /early behind it. It prints two addresses: the API's, and
// one where POST /identify makes the SDK tell about users, companies,
// subscriptions and actions, and GET /faults says what it complained about.
import http from 'node:http'
import moesif from 'moesif-nodejs'

const { COLLECTOR_URL, APPLICATION_ID, FRAMEWORK } = process.env

const faults = []
const middleware = moesif({
  applicationId: APPLICATION_ID,
  baseUri: COLLECTOR_URL,
  batchSize: 50,
  batchMaxTime: 600,
  retry: 0,
  identifyUser: (req) => req.headers['x-user-id'],
  identifyCompany: (req) => req.headers['x-company-id'],
  getSessionToken: (req) => req.headers['x-session'],
  getApiVersion: () => '2.1',
  getMetadata: (req) => ({ case: req.headers['x-case'] }),
  maskContent: (event) => {
    if (event.request.headers.authorization) event.request.headers.authorization = 'masked'
    return event
  },
  callback: (error) => error && faults.push({ status: error.status ?? error.response?.status ?? error.statusCode, message: String(error.message ?? error) }),
})

const answer = (req, res) => {
  res.statusCode = req.url.includes('broken') ? 500 : 200
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify({ verb: req.method, body: req.method === 'GET' ? null : req.body ?? null }))
}

// parse does in plain http what express.json() does in express.
const parse = (req, res, next) => {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => {
    if (chunks.length > 0) req.body = JSON.parse(Buffer.concat(chunks))
    next()
  })
}

const plain = (req, res) => {
  if (req.url.startsWith('/late')) return parse(req, res, () => middleware(req, res, () => answer(req, res)))
  middleware(req, res, () => parse(req, res, () => answer(req, res)))
}

const inExpress = async () => {
  const { default: express } = await import(FRAMEWORK)
  const app = express()
  app.use('/late', express.json(), middleware, answer)
  app.use('/early', middleware, express.json(), answer)
  return app
}

const outcome = (promise) => promise.then((r) => r.response?.statusCode ?? r.statusCode ?? r.status ?? 'ok', (e) => `failed: ${e.message ?? e}`)

const tell = () =>
  Promise.all(
    [
      middleware.updateUser({ userId: 'ada', companyId: 'analytical', metadata: { name: 'Ada', plan: { name: 'gold' } } }),
      middleware.updateUsersBatch([
        { userId: 'charles', companyId: 'analytical', metadata: { email: 'charles@analytical.example' } },
        { userId: 'ada', metadata: { plan: { seats: 3 } } },
      ]),
      middleware.updateCompany({ companyId: 'analytical', companyDomain: 'analytical.example', metadata: { name: 'Analytical Engines' } }),
      middleware.updateCompaniesBatch([{ companyId: 'difference', metadata: { name: 'Difference Engines' } }]),
      middleware.updateSubscription({ subscriptionId: 'sub_1', companyId: 'analytical', status: 'active', currentPeriodEnd: '2030-01-01T00:00:00.000Z' }),
      middleware.updateSubscriptionsBatch([{ subscriptionId: 'sub_2', companyId: 'analytical', status: 'trialing' }]),
      middleware.sendAction({ actionName: 'Opened the docs', userId: 'ada', companyId: 'analytical', request: { uri: 'https://docs.example/start' } }),
      middleware.sendActionsBatch([
        { actionName: 'Signed up', userId: 'ada', request: { uri: 'https://shop.example/sign-up' } },
        { actionName: 'Paid', userId: 'ada', request: { uri: 'https://shop.example/pay' } },
      ]),
    ].map(outcome),
  )

const control = async (req, res) => {
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify(req.method === 'POST' ? await tell() : faults))
}

const listen = (handler) =>
  new Promise((resolve) => {
    const server = http.createServer(handler)
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
  })

console.log(await listen(FRAMEWORK === 'http' ? plain : await inExpress()), await listen(control))
process.on('SIGTERM', () => process.exit(0))

<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

/**
 * What each kind of answer means for each method that Blesta calls.
 */
final class OutcomeTest extends ShimTestCase
{
    private const METHODS = [
        'add' => 'create', 'suspend' => 'suspend', 'unsuspend' => 'unsuspend', 'cancel' => 'terminate',
        'renew' => 'renew', 'edit' => 'edit', 'change' => 'edit',
    ];

    /**
     * @return iterable<string, array{string, string, array<string, mixed>, bool}>
     */
    public function outcomes(): iterable
    {
        $answers = [
            'done' => self::done(),
            'accepted' => self::accepted(),
            'failed' => [
                'status' => 200,
                'body' => self::operation('failed', [], ['detail' => 'No room', 'code' => 'no_capacity']),
            ],
            'canceled' => ['status' => 200, 'body' => self::operation('canceled')],
            'failed behind a 202' => ['status' => 202, 'body' => self::operation('failed')],
            'bad request' => self::problem(400, 'malformed'),
            'unauthorized' => self::problem(401, 'unauthorized'),
            'forbidden' => self::problem(403, 'forbidden'),
            'unknown' => self::problem(404, 'not_found'),
            'a 404 of another server' => ['status' => 404, 'raw' => '<h1>Not Found</h1>'],
            'unknown action' => self::problem(404, 'unknown_action'),
            'conflict' => self::problem(409, 'action_not_allowed'),
            'invalid' => self::problem(422, 'validation_failed', ['errors' => ['hostname' => ['format' => 'Bad name']]]),
            'throttled' => self::problem(429, 'queue_full'),
            'server fault' => self::problem(500, 'internal_error'),
            'unavailable' => self::problem(503, 'not_ready'),
            'redirect' => ['status' => 302, 'raw' => '', 'headers' => ['Location' => 'http://127.0.0.1:9/']],
            'junk' => ['status' => 200, 'raw' => '<html>proxy</html>'],
            'an empty object' => ['status' => 200, 'raw' => '{}'],
            'an unheard-of state' => ['status' => 200, 'body' => self::operation('pondering')],
            'cut off' => ['status' => 200, 'body' => self::operation('succeeded'), 'cut' => true],
        ];
        foreach (array_keys(self::METHODS) as $method) {
            foreach ($answers as $name => $answer) {
                $good = match ($name) {
                    'done' => true,
                    'accepted' => !in_array($method, ['edit', 'change'], true),
                    'unknown' => $method === 'cancel',
                    default => false,
                };
                yield "$method: $name" => [$method, $name, $answer, $good];
            }
        }
    }

    /**
     * Proves that success in Blesta is exactly: done, accepted where that is enough, or a cancel of an unknown service.
     *
     * @dataProvider outcomes
     * @param array<string, mixed> $answer
     */
    public function testOutcomeMap(string $method, string $name, array $answer, bool $good): void
    {
        self::$bridge->script(['POST /v1/services/*/' . self::METHODS[$method] => [$answer]]);
        $row = $this->row();
        $module = $this->module($row);
        $result = $this->call($module, $method, $row);
        if ($good) {
            self::assertFalse($module->errors(), json_encode($module->errors()) ?: '');
        } else {
            self::assertNull($result);
            $this->assertExplained($name, $module->errors() ?: []);
        }
        $request = $this->posts()[0];
        self::assertSame('/v1/services/' . self::KEY . '/' . self::METHODS[$method], $request['path']);
        self::assertSame('wait=1', $request['headers']['prefer']);
        self::assertSame('Bearer ' . self::BRIDGE_KEY, $request['headers']['authorization']);
        self::assertMatchesRegularExpression('/\A[0-9a-f-]{36}\z/', $request['headers']['idempotency-key']);
        self::assertMatchesRegularExpression('/\A[0-9a-f-]{36}\z/', $request['headers']['x-request-id']);
        self::assertSame('cron', $request['headers']['x-actor']);
    }

    private function call(\Infrafabric $module, string $method, int $row): mixed
    {
        $package = $this->package($row);
        $service = $this->service($package);
        $edit = ['use_module' => 'true', 'ifb_hostname' => 'web2.example.com'];

        return match ($method) {
            'add' => $module->addService($package, self::vars(), null, null, 'active'),
            'suspend' => $module->suspendService($package, $service),
            'unsuspend' => $module->unsuspendService($package, $service),
            'cancel' => $module->cancelService($package, $service),
            'renew' => $module->renewService($package, $service),
            'edit' => $module->editService($package, $service, $edit),
            'change' => $module->changeServicePackage($package, $this->package($row, ['plan' => 'large']), $service),
        };
    }

    /**
     * @param array<string, array<string, string>> $errors
     */
    private function assertExplained(string $name, array $errors): void
    {
        $text = (string) json_encode($errors);
        if ($name === 'invalid') {
            self::assertSame(['ifb_hostname' => ['format' => 'Bad name']], $errors);
        } elseif ($name === 'failed') {
            self::assertStringContainsString('No room', $text);
        } elseif (in_array($name, ['unauthorized', 'forbidden'], true)) {
            self::assertStringContainsString('API key', $text);
        } elseif (in_array($name, ['bad request', 'conflict', 'unknown action'], true)) {
            self::assertStringContainsString('refused', $text);
        } elseif (in_array($name, ['throttled', 'server fault', 'unavailable', 'junk', 'cut off', 'redirect'], true)) {
            self::assertStringContainsString('has not confirmed', $text);
        }
        self::assertNotSame([], $errors);
    }

    /**
     * Proves that a transport error is answered by one repetition with the same Idempotency-Key, and that it suffices.
     */
    public function testOneRepetitionAfterATransportError(): void
    {
        $cut = ['status' => 202, 'body' => self::operation('running'), 'cut' => true];
        self::$bridge->script(['POST /v1/services/*/create' => [$cut, self::done()]]);
        $row = $this->row();
        $module = $this->module($row);
        $fields = self::map($module->addService($this->package($row), self::vars(), null, null, 'active'));
        self::assertSame('192.0.2.7', $fields['ifb_ipv4']);
        $requests = self::$bridge->requests();
        self::assertCount(2, $requests);
        self::assertSame($requests[0]['headers']['idempotency-key'], $requests[1]['headers']['idempotency-key']);
        self::assertSame($requests[0]['raw'], $requests[1]['raw']);
    }

    /**
     * Proves that a definite answer is never repeated, and that the next call of Blesta's carries a new Idempotency-Key.
     */
    public function testANewKeyForEachCall(): void
    {
        self::$bridge->script(['POST /v1/services/*/suspend' => [self::problem(503, 'not_ready')]]);
        $row = $this->row();
        $service = $this->service($this->package($row));
        $this->module($row)->suspendService($service->package, $service);
        $this->module($row)->suspendService($service->package, $service);
        $keys = array_map(static fn (array $request) => $request['headers']['idempotency-key'], self::$bridge->requests());
        self::assertCount(2, $keys);
        self::assertCount(2, array_unique($keys));
    }

    /**
     * Proves that a hanging bridge costs the wait and five seconds, no more, and is not asked again after that.
     */
    public function testAHangEndsAtTheTimeLimit(): void
    {
        self::$bridge->script(['POST /v1/services/*/suspend' => [['delay_ms' => 9000] + self::done()]]);
        $row = $this->row(['wait_seconds' => '0']);
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        $start = microtime(true);
        $module->suspendService($service->package, $service);
        $took = microtime(true) - $start;
        self::assertGreaterThan(4.5, $took);
        self::assertLessThan(6.0, $took);
        self::assertStringContainsString('has not confirmed', (string) json_encode($module->errors()));
        self::assertCount(1, self::$bridge->requests());
    }

    /**
     * Proves that an error of one service does not stick to the next one served by the same module instance.
     */
    public function testErrorsDoNotStick(): void
    {
        self::$bridge->script(['POST /v1/services/*/suspend' => [self::problem(503, 'not_ready'), self::done()]]);
        $row = $this->row();
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        $module->suspendService($service->package, $service);
        self::assertNotFalse($module->errors());
        $module->suspendService($service->package, $service);
        self::assertFalse($module->errors());
    }
}

<?php

declare(strict_types=1);

namespace Infrafabric;

use Closure;

/**
 * The HTTP client: one bridge, one key, one actor.
 *
 * Every request has a total time limit kept by curl itself, because PHP's `max_execution_time` does not run while curl
 * waits. Certificates are always checked and redirects never followed, so the key goes to the bridge and nowhere else.
 */
final class Bridge
{
    public const VIEW_SECONDS = 5.0;
    public const MARGIN_SECONDS = 5.0;
    private const CONNECT_SECONDS = 3.0;
    private const LARGEST_ANSWER = 16777216;

    /**
     * @param Closure(string, string, string, bool): void $log takes url, data, 'input'|'output' and success
     */
    public function __construct(
        private string $url,
        private string $key,
        private string $actor,
        private Masker $masker,
        private Closure $log
    ) {
        $this->url = rtrim($url, '/');
    }

    /**
     * Run an action of a service, waiting up to `$wait` seconds for its end.
     *
     * @param array<string, mixed> $body
     * @param string|null $nonce the Idempotency-Key when the caller has one (a form's nonce); else it is new
     * @param float|null $limit total seconds; by default the wait and a margin
     */
    public function act(
        string $serviceKey,
        string $action,
        array $body,
        int $wait,
        ?string $nonce = null,
        ?float $limit = null
    ): Answer {
        $path = '/v1/services/' . rawurlencode($serviceKey) . '/' . $action;
        $idempotency = $nonce ?? Uuid::fresh();
        $limit ??= $wait + self::MARGIN_SECONDS;
        $end = microtime(true) + $limit;
        $answer = $this->send('POST', $path, $body, self::commandHeaders($idempotency, $wait), $limit);
        $left = $end - microtime(true);
        if ($answer->status !== 0 || $left < 1.0) {
            return $answer;
        }
        // The one repetition: same key, so that the bridge recognises it should the first have arrived.
        $wait = max(0, min($wait, (int) floor($left - 1.0)));

        return $this->send('POST', $path, $body, self::commandHeaders($idempotency, $wait), $left);
    }

    public function get(string $path, float $limit = self::VIEW_SECONDS): Answer
    {
        return $this->send('GET', $path, null, [], $limit);
    }

    /**
     * @param array<string, mixed> $body
     */
    public function put(string $path, array $body, float $limit = self::VIEW_SECONDS): Answer
    {
        return $this->send('PUT', $path, $body, ['Idempotency-Key: ' . Uuid::fresh()], $limit);
    }

    /**
     * @param array<string, mixed> $body
     * @param string|null $nonce the Idempotency-Key when the caller has one
     */
    public function post(string $path, array $body, float $limit, ?string $nonce = null): Answer
    {
        return $this->send('POST', $path, $body, ['Idempotency-Key: ' . ($nonce ?? Uuid::fresh())], $limit);
    }

    /**
     * @return list<string>
     */
    private static function commandHeaders(string $idempotency, int $wait): array
    {
        return ['Idempotency-Key: ' . $idempotency, 'Prefer: wait=' . $wait];
    }

    /**
     * @param array<string, mixed>|null $body
     * @param list<string> $headers
     */
    private function send(string $method, string $path, ?array $body, array $headers, float $limit): Answer
    {
        $requestId = Uuid::fresh();
        $payload = $body === null ? null : json_encode((object) $body, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
        $this->record($method, $path, $requestId, $payload ?? '', 'input', true);
        $received = '';
        $handle = curl_init($this->url . $path);
        curl_setopt_array($handle, $this->options($method, $payload, $headers, $requestId, $limit));
        curl_setopt($handle, CURLOPT_WRITEFUNCTION, static function ($handle, string $part) use (&$received): int {
            $received .= $part;

            return strlen($received) > self::LARGEST_ANSWER ? 0 : strlen($part);
        });
        curl_exec($handle);
        $error = curl_errno($handle) === 0 ? '' : curl_error($handle);
        $status = $error === '' ? (int) curl_getinfo($handle, CURLINFO_RESPONSE_CODE) : 0;
        curl_close($handle);
        $this->record($method, $path, $requestId, $error ?: $received, 'output', $status >= 200 && $status < 300);
        $decoded = json_decode($received, true);

        return new Answer($status, is_array($decoded) ? $decoded : null, $requestId, $error);
    }

    /**
     * @param list<string> $headers
     * @return array<int, mixed>
     */
    private function options(string $method, ?string $payload, array $headers, string $requestId, float $limit): array
    {
        $options = [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => [
                'Authorization: Bearer ' . $this->key,
                'Accept: application/json, application/problem+json',
                'Content-Type: application/json',
                'X-Actor: ' . $this->actor,
                'X-Request-Id: ' . $requestId,
                'Expect:',
                ...$headers,
            ],
            CURLOPT_CONNECTTIMEOUT_MS => (int) (min(self::CONNECT_SECONDS, $limit) * 1000),
            CURLOPT_TIMEOUT_MS => max(1, (int) ($limit * 1000)),
            CURLOPT_NOSIGNAL => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
        ];

        return $payload === null ? $options : $options + [CURLOPT_POSTFIELDS => $payload];
    }

    private function record(string $method, string $path, string $id, string $data, string $way, bool $good): void
    {
        $text = sprintf('[request %s as %s] %s', $id, $this->actor, $this->masker->text($data));
        ($this->log)($method . ' ' . $this->url . $path, $text, $way, $good);
    }
}

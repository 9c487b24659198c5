<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * What a new machine gets beside itself: the package's firewall, and the extra addresses that were bought.
 *
 * Each command's Idempotency-Key is made from what it is for, so that asking again, by a repeated activation or a second
 * run of cron, is the same command to the bridge.
 */
final class Furnishing
{
    public function __construct(private Bridge $bridge, private string $key)
    {
    }

    /**
     * Queued right behind the create, so that it holds before the client can reach the machine.
     *
     * @param string $operation id of the create: a new life begins with the package's rules again
     */
    public function firewall(string $preset, string $operation): ?Answer
    {
        if ($preset === '' || $operation === '') {
            return null;
        }
        $body = ['rules' => FirewallPresets::rules($preset)];

        return $this->act('set_firewall', $body, Uuid::derived($this->key, 'firewall', $operation));
    }

    /**
     * Add what is missing of the extra addresses. Never takes one away: which one would be a person's decision.
     *
     * @param int $extra IPv4 addresses beside the first
     * @param string $present the machine's addresses, separated by commas
     * @return list<Answer> one for each that was asked for
     */
    public function addresses(int $extra, string $instance, string $present): array
    {
        $answers = [];
        $have = $instance === '' ? $extra : self::extra($present);
        for ($number = $have + 1; $number <= $extra; $number++) {
            $nonce = Uuid::derived($this->key, 'address', $instance, (string) $number);
            $answers[] = $this->act('add_address', ['family' => 'ipv4'], $nonce);
        }

        return $answers;
    }

    /**
     * How many IPv4 addresses there are beside the first.
     */
    public static function extra(string $present): int
    {
        $all = preg_split('/[\s,]+/', $present, -1, PREG_SPLIT_NO_EMPTY) ?: [];
        $ipv4 = array_filter($all, static fn (string $one) => filter_var($one, FILTER_VALIDATE_IP, FILTER_FLAG_IPV4));

        return max(0, count($ipv4) - 1);
    }

    /**
     * @param array<string, mixed> $body
     */
    private function act(string $action, array $body, string $nonce): Answer
    {
        return $this->bridge->act($this->key, $action, $body, 0, $nonce, Bridge::VIEW_SECONDS);
    }
}

<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Formats the module can judge without asking anybody.
 */
final class Check
{
    private const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
    private const KEY_TYPE = '(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)'
        . '|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)';

    public static function hostname(string $value): bool
    {
        $label = self::LABEL;

        return strlen($value) <= 253 && preg_match("/\A{$label}(?:\.{$label})*\z/", $value) === 1;
    }

    public static function sshKeys(string $value): bool
    {
        $keys = Machine::sshKeys($value);
        foreach ($keys as $key) {
            $type = self::KEY_TYPE;
            if (strlen($key) > 16384 || !preg_match("~\A{$type} [A-Za-z0-9+/]+={0,3}(?: [^\\x00-\\x1f\\x7f]*)?\z~", $key)) {
                return false;
            }
        }

        return count($keys) <= 20;
    }

    /**
     * An id as the catalog has them: plan, image, data center.
     */
    public static function name(string $value): bool
    {
        return preg_match('~\A[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\z~', $value) === 1;
    }

    public static function volumeName(string $value): bool
    {
        return preg_match('/\A[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}\z/', $value) === 1;
    }

    /**
     * A port, or a range of ports with the lower one first.
     */
    public static function ports(string $value): bool
    {
        if (preg_match('/\A(\d{1,5})(?:-(\d{1,5}))?\z/', $value, $part) !== 1) {
            return false;
        }
        $low = (int) $part[1];
        $high = (int) ($part[2] ?? $low);

        return $low >= 1 && $low <= $high && $high <= 65535;
    }

    /**
     * An IP address, or a network such as 192.0.2.0/24.
     */
    public static function network(string $value): bool
    {
        [$address, $prefix] = explode('/', $value, 2) + [1 => null];
        $most = str_contains($address, ':') ? 128 : 32;

        return filter_var($address, FILTER_VALIDATE_IP) !== false
            && ($prefix === null || self::whole($prefix, 0, $most));
    }

    public static function whole(string $value, int $least, int $most): bool
    {
        return preg_match('/\A\d{1,9}\z/', $value) === 1 && (int) $value >= $least && (int) $value <= $most;
    }

    /**
     * An https address; plain http only to this very machine, where nobody listens in between.
     */
    public static function url(string $value, bool $loopbackOnly = true): bool
    {
        $parts = parse_url($value);
        if (
            !is_array($parts) || empty($parts['host']) || isset($parts['user']) || isset($parts['query'])
            || isset($parts['fragment']) || preg_match('/[\s\x00-\x1f]/', $value)
        ) {
            return false;
        }
        $local = in_array($parts['host'], ['localhost', '[::1]'], true)
            || preg_match('/\A127(?:\.\d{1,3}){3}\z/', $parts['host']) === 1;

        return match (strtolower($parts['scheme'] ?? '')) {
            'https' => true,
            'http' => $local || !$loopbackOnly,
            default => false,
        };
    }

    public static function webhookSecret(string $value): bool
    {
        return preg_match('~\Awhsec_[A-Za-z0-9+/_-]{16,}={0,2}\z~', $value) === 1;
    }
}

<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * The machine a package and its options describe, as members of the bridge's requests.
 */
final class Machine
{
    public const SIZES = ['cpus', 'memory_mb', 'disk_gb'];
    /** Package meta and what the bridge calls the limit; the bridge keeps them, whoever asks for more. */
    public const LIMITS = [
        'limit_addresses' => 'addresses',
        'limit_volumes' => 'volumes',
        'limit_volume_gb' => 'volume_gb',
    ];

    /** As many as one service's queue at the bridge takes at once, beside the create and its firewall. */
    private const MOST_EXTRA = 13;

    /**
     * @param array<string, string> $meta the package's
     * @param array<string, string> $options configurable options by name; they outrank the package
     */
    public function __construct(private array $meta, private array $options = [])
    {
    }

    /**
     * @param array<string, string> $options
     */
    public static function of(object $package, array $options = []): self
    {
        $meta = [];
        foreach ((array) ($package->meta ?? []) as $key => $value) {
            $meta[(string) $key] = is_scalar($value) ? trim((string) $value) : '';
        }

        return new self($meta, $options);
    }

    /**
     * What a service of one package becomes with another. An option that names the old package's plan goes with it.
     *
     * @param array<string, string> $options the service's
     */
    public static function changed(object $from, object $to, array $options): self
    {
        if (self::of($from)->meta('plan') !== self::of($to)->meta('plan')) {
            unset($options['plan']);
        }

        return self::of($to, $options);
    }

    public function meta(string $key): string
    {
        return $this->meta[$key] ?? '';
    }

    /**
     * Either a plan or all of the sizes. Sizes are used when the package has no plan, or when the options give all three.
     *
     * @return array<string, int|string>
     */
    public function sizing(): array
    {
        $plan = $this->options['plan'] ?? $this->meta('plan');
        $sizes = array_intersect_key($this->options, array_flip(self::SIZES));
        if ($plan !== '' && (isset($this->options['plan']) || count($sizes) < count(self::SIZES))) {
            return ['plan' => $plan];
        }
        $found = [];
        foreach (self::SIZES as $name) {
            $value = $this->options[$name] ?? $this->meta($name);
            if ($value !== '') {
                $found[$name] = self::number($value);
            }
        }

        return $found;
    }

    /**
     * Whether a machine of this package can become one of that: type and data center are for good.
     */
    public function mayBecome(self $other): bool
    {
        return $this->meta('type') === $other->meta('type') && $this->meta('datacenter') === $other->meta('datacenter');
    }

    /**
     * The image to install: the client's choice where the package offers it, else an option, else the package's.
     */
    public function image(string $chosen): string
    {
        if ($chosen !== '' && array_key_exists($chosen, $this->imageChoices())) {
            return $chosen;
        }

        return $this->options['image'] ?? $this->meta('image');
    }

    /**
     * Images among which the client may choose; empty when the package fixes the image.
     *
     * @return array<string, string> label by id
     */
    public function imageChoices(): array
    {
        $choices = [];
        foreach (preg_split('/[\r\n,]+/', $this->meta('image_choices')) ?: [] as $line) {
            [$id, $label] = array_map('trim', explode('=', $line, 2)) + [1 => ''];
            if ($id !== '') {
                $choices[$id] = $label === '' ? $id : $label;
            }
        }
        if ($choices !== [] && $this->meta('image') !== '') {
            $choices += [$this->meta('image') => $this->meta('image')];
        }

        return $choices;
    }

    /**
     * @param array<string, int|string|null> $blesta ids of the order in Blesta
     * @return array<string, mixed> body of a create
     */
    public function create(ServiceFields $order, array $blesta): array
    {
        $body = [
            'type' => $this->meta('type') === '' ? 'vps' : $this->meta('type'),
            'hostname' => $order->value('ifb_hostname'),
            'image' => $this->image($order->value('ifb_image')),
            'datacenter' => $this->options['datacenter'] ?? $this->meta('datacenter'),
            'ssh_keys' => self::sshKeys($order->value('ifb_ssh_key')),
        ];
        $blesta = array_filter($blesta, static fn ($id) => preg_match('/\A\d{1,16}\z/', (string) $id) === 1);

        return array_filter($body, static fn ($value) => $value !== '' && $value !== [])
            + $this->sizing()
            + ($this->limits() === [] ? [] : ['limits' => $this->limits()])
            + ($blesta === [] ? [] : ['blesta' => array_map('intval', $blesta)]);
    }

    /**
     * @return array<string, int|string> what the package allows at most; what is left empty is not limited
     */
    public function limits(): array
    {
        $limits = [];
        foreach (self::LIMITS as $key => $name) {
            if ($this->meta($key) !== '') {
                $limits[$name] = self::number($this->meta($key));
            }
        }
        if (is_int($limits['addresses'] ?? null)) {
            // What was bought comes on top of what the package lets everybody add.
            $limits['addresses'] += $this->extraAddresses() ?? 0;
        }

        return $limits;
    }

    /**
     * IPv4 addresses beside the first that were bought; null when that is no option of the service.
     */
    public function extraAddresses(): ?int
    {
        $extra = $this->options['extra_ips'] ?? '';

        return Check::whole($extra, 0, self::MOST_EXTRA) ? (int) $extra : null;
    }

    /**
     * What of the configurable options is no choice that the package offers.
     *
     * @return array<string, string> language key by option
     */
    public function optionFaults(): array
    {
        $faults = [];
        $centers = $this->list('datacenters_allowed');
        $center = $this->options['datacenter'] ?? '';
        if ($center !== '' && (!Check::name($center) || ($centers !== [] && !in_array($center, $centers, true)))) {
            $faults['datacenter'] = 'Infrafabric.!error.datacenter';
        }
        $image = $this->options['image'] ?? '';
        $images = $this->imageChoices();
        if ($image !== '' && (!Check::name($image) || ($images !== [] && !array_key_exists($image, $images)))) {
            $faults['image'] = 'Infrafabric.!error.image';
        }
        if (isset($this->options['extra_ips']) && $this->extraAddresses() === null) {
            $faults['extra_ips'] = 'Infrafabric.!error.extra_ips';
        }

        return $faults;
    }

    /**
     * @return list<string> the words of a list in the package's meta
     */
    public function list(string $key): array
    {
        return preg_split('/[\s,]+/', $this->meta($key), -1, PREG_SPLIT_NO_EMPTY) ?: [];
    }

    /**
     * How long a canceled machine is kept, in hours; 0 deletes it at once.
     */
    public function graceHours(): int
    {
        return Check::whole($this->meta('grace_hours'), 0, 8760) ? (int) $this->meta('grace_hours') : 0;
    }

    /**
     * @return list<string> one key per line
     */
    public static function sshKeys(string $text): array
    {
        $lines = array_map('trim', preg_split('/\R/', $text) ?: []);

        return array_values(array_filter($lines, static fn (string $line) => $line !== ''));
    }

    /**
     * A whole number as such; anything else as it is, for the bridge to refuse under the member's name.
     */
    private static function number(string $value): int|string
    {
        return preg_match('/\A\d{1,9}\z/', $value) === 1 ? (int) $value : $value;
    }
}

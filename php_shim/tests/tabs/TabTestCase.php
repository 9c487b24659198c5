<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

use Infrafabric;
use Infrafabric\Tests\ShimTestCase;
use stdClass;

/**
 * An active service with a machine that has everything, and a bridge that knows it.
 */
abstract class TabTestCase extends ShimTestCase
{
    protected const NAMES = [
        'Overview', 'Power', 'Reinstall', 'Network', 'Firewall', 'Storage', 'Access', 'Usage', 'Activity',
    ];
    protected const STAFF_NAMES = ['Operations', 'Import'];
    protected stdClass $service;
    protected int $row;

    protected function setUp(): void
    {
        parent::setUp();
        \Session::$values = ['blesta_staff_id' => 3];
        $this->row = $this->row();
        $this->service = $this->service($this->package($this->row, ['image_choices' => 'ubuntu-24=Ubuntu']));
        $this->bridgeWith([]);
    }

    /**
     * @param array<string, list<array<string, mixed>>> $more answers that come before the usual ones
     * @param array<string, mixed> $known members of the service beside the usual ones
     */
    protected function bridgeWith(array $more, array $known = []): void
    {
        $actions = [['action' => 'start', 'allowed' => false, 'reason' => 'It runs already.']];
        self::$bridge->script($more + [
            'POST /v1/services/*/*' => [self::accepted()],
            'GET /v1/services/*/actions' => [self::page($actions)],
            'GET /v1/services/*/operations' => [self::page([self::past()])],
            'GET /v1/services/*/usage' => [['status' => 200, 'body' => self::usage()]],
            'GET /v1/services/*' => [['status' => 200, 'body' => $known + self::known()]],
            'GET /v1/catalog/plans' => [self::page([['id' => 'small', 'traffic_gb' => 1000]])],
            'GET /v1/drift' => [self::page([])],
        ]);
    }

    /**
     * @param list<array<string, mixed>> $items
     * @return array<string, mixed>
     */
    protected static function page(array $items, ?string $next = null): array
    {
        return ['status' => 200, 'body' => ['items' => $items, 'next_cursor' => $next]];
    }

    /**
     * @return array<string, mixed>
     */
    protected static function known(): array
    {
        $rule = ['direction' => 'in', 'action' => 'accept', 'protocol' => 'tcp', 'ports' => '22', 'comment' => 'SSH'];
        $address = ['id' => 'ip_1', 'family' => 'ipv4', 'address' => '192.0.2.9', 'primary' => true, 'reverse_dns' => null];

        return [
            'service_key' => self::KEY, 'state' => 'active', 'power' => 'on', 'plan' => 'small', 'cpus' => 2,
            'memory_mb' => 2048, 'disk_gb' => 40, 'instance_id' => 'ins_1', 'connection_id' => 'con_1', 'drifted' => false,
            'addresses' => [
                $address,
                ['id' => 'ip_2', 'address' => '192.0.2.10', 'primary' => false, 'reverse_dns' => 'b.example'] + $address,
            ],
            'volumes' => [['id' => 'vol_1', 'name' => 'data', 'size_gb' => 10, 'status' => 'attached']],
            'firewall' => ['rules' => [$rule + ['cidrs' => ['192.0.2.0/24', '2001:db8::/32']]]],
            'limits' => ['addresses' => 3, 'volumes' => 2, 'volume_gb' => 100],
            'fields' => self::fieldList(['ifb_ips' => '192.0.2.9, 192.0.2.10', 'ifb_state' => 'active']),
            'current_operation_id' => null, 'terminate_at' => null, 'state_reason' => null,
        ];
    }

    /**
     * @param array<string, mixed> $more
     * @return array<string, mixed> an operation that has ended
     */
    protected static function past(array $more = []): array
    {
        return $more + [
            'id' => 'op_1', 'action' => 'reboot', 'service_key' => self::KEY, 'state' => 'succeeded', 'progress' => 100,
            'actor' => 'client:42', 'error' => null, 'created_at' => '2026-11-20T10:00:00Z',
            'finished_at' => '2026-11-20T10:00:09Z',
            'timeline' => [['at' => '2026-11-20T10:00:00Z', 'event' => 'accepted', 'detail' => ['a' => 1]]],
        ];
    }

    /**
     * @return array<string, mixed>
     */
    protected static function usage(): array
    {
        $series = [];
        foreach ([10, 30, 20] as $hour => $cpu) {
            $series[] = [
                'at' => sprintf('2026-11-20T%02d:00:00Z', $hour), 'cpu_percent' => $cpu, 'disk_used_gb' => 5.5,
                'traffic_in_bytes' => 1073741824, 'traffic_out_bytes' => 2 * 1073741824,
            ];
        }

        return ['service_key' => self::KEY, 'series' => $series];
    }

    /**
     * @param array<string, mixed> $form
     * @return array<string, mixed> a complete post
     */
    protected static function form(string $action, array $form = []): array
    {
        return $form + ['action' => $action, 'confirm' => '1', 'nonce' => self::NONCE];
    }

    /**
     * @param array<mixed>|null $post
     * @param array<mixed> $get
     */
    protected function tab(Infrafabric $module, string $method, ?array $post = null, array $get = []): string
    {
        return $module->{$method}($this->service->package, $this->service, $get, $post, []);
    }
}
